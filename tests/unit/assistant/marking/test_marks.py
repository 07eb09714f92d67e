"""Marks in the store: one in force of each part, exchanged and deleted like every judgement."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.digest import Digest, Point, Todo
from assistant.errors import UsageError
from assistant.feedback.marks import Mark
from assistant.feedback.sharing.exchange import export, import_lines
from assistant.feedback.store import Store
from assistant.marking import put_right
from tests.builders import a_completion

_PROMPT = "Maya: Room 4 costs 120 euros.\nTom: I'll send it."


def a_mark(id: str = "m1", **said: Any) -> Mark:
    values: dict[str, Any] = {
        "created": "2026-11-27T10:00:00.000000+00:00",
        "rater": "me",
        "completion": "d1",
        "part": "point",
        "number": 0,
        "says": "keep",
        "turn": 0,
        "text": "Room 4 costs 120 euros.",
    }
    return Mark(id=id, **(values | said))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "marks.db") as opened:
        opened.completions.add([a_completion("d1", prompt=_PROMPT), a_completion("d2", prompt=_PROMPT)])
        yield opened


def _in_force(store: Store) -> list[str]:
    return sorted(mark.id for mark in store.judgements.marks())


def test_dropping_replaces_keeping_and_undoing_brings_it_back(store: Store) -> None:
    store.judgements.judge(a_mark("m1"))
    store.judgements.judge(
        a_mark("m2", part="decision", says="drop"), made_now=True
    )  # the same point, decided meanwhile
    assert _in_force(store) == ["m2"]
    brought_back = store.judgements.undo("m2")
    assert brought_back is not None and brought_back.id == "m1"
    assert _in_force(store) == ["m1"]


def test_other_parts_other_raters_and_fixes_stand_beside_it(store: Store) -> None:
    others = (
        a_mark("m2", number=1),
        a_mark("m3", part="todo"),
        a_mark("m4", part="todo", says="fix", who="Ana"),
        a_mark("m5", completion="d2"),
        a_mark("m6", rater="you"),
    )
    for mark in (a_mark("m1"), *others):
        store.judgements.judge(mark)
    assert _in_force(store) == ["m1", "m2", "m3", "m4", "m5", "m6"]


def test_forgetting_ends_what_one_rater_kept_and_dropped(store: Store) -> None:
    for mark in (a_mark("m1"), a_mark("m2", part="todo", says="fix", done=True), a_mark("m3", rater="you")):
        store.judgements.judge(mark)
    assert store.judgements.forget_marks("me") == 1
    assert _in_force(store) == ["m2", "m3"]
    assert [mark.ended_by for mark in store.judgements.marks(history=True) if mark.id == "m1"] == ["undone"]
    assert store.judgements.forget_marks("me") == 0


def test_only_a_to_do_can_be_put_right(store: Store) -> None:
    with pytest.raises(UsageError, match="to-do"):
        store.judgements.judge(a_mark(says="fix"))


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "20260501"])
def test_a_to_do_is_put_right_to_a_day_only(store: Store, day: str) -> None:
    with pytest.raises(UsageError, match="a day such as 2026-01-31"):
        store.judgements.judge(a_mark(part="todo", says="fix", date=day))


def test_a_raw_export_brings_every_mark_to_another_store(store: Store, tmp_path: Path) -> None:
    store.judgements.judge(a_mark("m1", numbers={"amount": 1.0}))
    store.judgements.judge(a_mark("m2", says="drop"), made_now=True)
    store.judgements.judge(a_mark("m3", part="todo", says="fix", who="Ana", date="2026-05-03", done=True))
    file = tmp_path / "raw.jsonl"
    file.write_text("\n".join(export(store, "raw").lines))
    with Store.open(tmp_path / "other.db") as other:
        assert import_lines(other, file).marks == 3
        assert other.judgements.marks(history=True) == store.judgements.marks(history=True)
        assert import_lines(other, file).known == 3


def test_a_redacted_export_names_nobody(store: Store) -> None:
    store.judgements.judge(
        a_mark(part="todo", says="fix", who="Maya", text="Maya: maya@example.org", numbers={"to-do of Maya": 1})
    )
    (line,) = [line for line in export(store, "raw", redact=True).lines if '"kind":"mark"' in line]
    assert "Maya" not in line and "example.org" not in line and "me" not in line.split('"rater":"')[1].split('"')[0]


def test_a_mark_goes_by_itself_and_with_its_answer(store: Store) -> None:
    store.judgements.judge(a_mark("m1"))
    store.judgements.judge(a_mark("m2", number=1))
    assert store.deletions.delete_judgement("m1").marks == 1
    assert store.deletions.delete_completion("d1").marks == 1
    assert store.judgements.marks(history=True) == []
    assert {(stone.noun, stone.id) for stone in store.judgements.tombstones()} >= {("mark", "m1"), ("mark", "m2")}
    assert b"120 euros" not in store.database.path.read_bytes().replace(_PROMPT.encode(), b"")


def test_a_document_s_text_leaves_marks_too(store: Store) -> None:
    passage = "The harbour office opens at half past seven on every working day of the year."
    store.completions.add([a_completion("d3", prompt=f"Ann: {passage}")])
    store.judgements.judge(a_mark(completion="d3", text=passage))
    store.blank_passages({"p1": passage})
    assert store.judgements.marks()[0].text == "[removed]."


def test_marks_are_no_ratings(store: Store) -> None:
    store.judgements.judge(a_mark())
    assert (store.stats().up, store.stats().rankings) == (0, 0)
    assert store.judgements.get("m1") == a_mark()


def test_a_digest_leaves_out_what_was_dropped_and_has_to_dos_as_put_right() -> None:
    points = tuple(Point(text=text, speaker="Maya", turn=0, start=0, end=1) for text in ("a", "b", "c"))
    todo = Todo(who="", what="send it", when="", date="", turn=1, text="I'll send it.")
    marks = [
        a_mark(number=1, says="drop"),
        a_mark(number=2),
        a_mark(part="todo", says="fix", who="Tom", when="today", done=True),
    ]
    found = put_right(Digest(points=points, todos=(todo, todo)), marks)
    assert [point.text for point in found.points] == ["a", "c"]
    assert [(one.who, one.when, one.done) for one in found.todos] == [("Tom", "today", True), ("", "", False)]
