"""Points kept and dropped make pairs: the digest with the point against the digest without it."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.dialogue import render_turns
from assistant.digest import Digest, make_digest, render
from assistant.feedback.marks import Mark, Part, Says
from assistant.feedback.sharing.exchange import export, import_lines
from assistant.feedback.store import Store
from assistant.prompts import conversation_in
from assistant.records import Completion, Thumb
from tests.builders import a_completion, a_ranking, a_rating
from tests.unit.assistant.digest.talks import talk
from tests.unit.assistant.marking.test_marks import a_mark
from training.prefer.examples import rated_rows, read_preferred
from training.reward.preferences import read_preferences
from training.rlhf.config import RlhfConfig
from training.rlhf.ratings import prompt_of, read_rated

_TALK = talk(
    "Maya: Did you book the room for the workshop on 14 May?",
    "Tom: Not yet. Room 4 costs 120 euros for the day.",
    "Maya: That's fine, take it. Can you send me the invoice?",
    "Tom: Sure, I'll send it tomorrow.",
)
_DIGEST = make_digest(_TALK)


def _shown(id: str = "d1") -> Completion:
    return a_completion(id, prompt=render_turns(_TALK), task="digest", model="digest", answer=render(_DIGEST))


def _point_mark(number: int, says: Says = "keep", id: str = "", completion: str = "d1") -> Mark:
    point = _DIGEST.points[number]
    return a_mark(id or f"m{number}", part=point.kind, number=number, says=says, text=point.text, completion=completion)


def _without(number: int) -> str:
    points = tuple(point for place, point in enumerate(_DIGEST.points) if place != number)
    return render(msgspec.structs.replace(_DIGEST, points=points))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as opened:
        opened.completions.add([_shown()])
        yield opened


def test_the_talk_has_points_of_both_kinds_and_a_to_do() -> None:
    assert {point.kind for point in _DIGEST.points} == {"point", "decision"} and _DIGEST.todos


@pytest.mark.parametrize("number", range(len(_DIGEST.points)))
def test_a_kept_point_prefers_the_digest_with_it_and_a_dropped_one_that_without(store: Store, number: int) -> None:
    store.judgements.judge(_point_mark(number, "keep"))
    ((pair,), unpaired) = store.pairs()
    assert (pair.chosen, pair.rejected) == (render(_DIGEST), _without(number))
    assert (pair.compares, pair.weight, pair.sources) == ("points", 1.0, (f"m{number}",))
    assert unpaired == []
    store.judgements.judge(_point_mark(number, "drop", "later"), made_now=True)
    ((pair,), _) = store.pairs()
    assert (pair.chosen, pair.rejected, pair.sources) == (_without(number), render(_DIGEST), ("later",))
    stats = store.stats()
    assert (stats.pairs, stats.point_pairs) == (1, 1)


def test_pairs_go_with_their_mark_and_with_its_end(store: Store) -> None:
    store.judgements.judge(_point_mark(0))
    store.judgements.judge(_point_mark(1))
    store.deletions.delete_judgement("m0")
    assert [pair.sources for pair in store.pairs()[0]] == [("m1",)]
    store.judgements.undo("m1")
    assert store.pairs() == ([], [])


def test_two_raters_who_differ_on_a_point_make_no_pair(store: Store) -> None:
    store.judgements.judge(_point_mark(0, "keep"))
    store.judgements.judge(msgspec.structs.replace(_point_mark(0, "drop", "m9"), rater="you"))
    pairs, (undecided,) = store.pairs()
    assert pairs == [] and undecided.why == "raters disagree"


def test_to_dos_and_open_questions_make_no_pair(store: Store) -> None:
    text = _DIGEST.todos[0].text
    store.judgements.judge(a_mark("m1", part="todo", text=text))
    store.judgements.judge(a_mark("m2", part="todo", text=text, says="fix", who="Ana"))
    store.judgements.judge(a_mark("m3", part="open", text=text))
    assert store.pairs() == ([], [])


def test_a_point_that_the_digest_does_not_hold_makes_no_pair(store: Store) -> None:
    alone = Digest(points=_DIGEST.points[:1])
    store.completions.add([msgspec.structs.replace(_shown("d2"), answer=render(alone))])
    store.judgements.judge(a_mark("m1", text="Never said."))
    store.judgements.judge(_point_mark(0, id="m2", completion="d2"))  # without it nothing is left
    pairs, unpaired = store.pairs()
    assert pairs == [] and [one.why for one in unpaired] == ["missing answer"] * 2


def test_an_export_for_trl_tells_the_kinds_apart(store: Store, tmp_path: Path) -> None:
    store.judgements.judge(_point_mark(0))
    store.completions.add([a_completion("a1"), a_completion("a2")])
    store.judgements.judge(a_ranking([["a1"], ["a2"]]))
    lines = [json.loads(line) for line in export(store, "trl").lines]
    (of_points,) = [line for line in lines if line["compares"] == "points"]
    assert [line["compares"] for line in lines if line is not of_points] == ["answers"]
    assert of_points["chosen_id"] == "d1" != of_points["rejected_id"] and of_points["sources"] == ["m0"]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    assert import_lines(store, file).known == 2, "it is all here already"
    with Store.open(tmp_path / "other.db") as other:
        assert import_lines(other, file).rankings == 2
        both = [[(pair.chosen, pair.rejected) for pair in one.pairs()[0]] for one in (store, other)]
    assert both[0] == both[1]


def test_a_redacted_export_still_pairs_and_names_nobody(store: Store) -> None:
    for number in range(len(_DIGEST.points)):
        store.judgements.judge(_point_mark(number))
    exported = export(store, "trl", redact=True)
    assert len(exported.lines) == len(_DIGEST.points)
    assert not any(name in line for line in exported.lines for name in ("Maya", "Tom"))


def test_training_reads_them_from_the_store_and_from_a_file(store: Store, tmp_path: Path) -> None:
    store.judgements.judge(_point_mark(0, "drop"))
    file = tmp_path / "raw.jsonl"
    file.write_text("\n".join(export(store, "raw").lines))
    for files in ((), (file,)):
        found = read_preferences(files)
        (pair,) = found.pairs
        assert (pair.conversation, pair.chosen) == (render_turns(_TALK), _without(0))
        assert found.report["point_pairs"] == 1
        rated = read_rated(RlhfConfig(min_pairs=1, min_dialogues=1), files)
        assert rated.figures()["points"] == 1 and rated.sources(RlhfConfig()) == ["m0"]
        # A model is served the conversation inside a prompt, and practises on that.
        assert rated.pairs[0].prompt == prompt_of(render_turns(_TALK))
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(map(json.dumps, rated_rows())))
    (preferred,) = read_preferred([rows]).pairs
    assert conversation_in(preferred.prompt) == render_turns(_TALK) != preferred.prompt


_PARTS: dict[Part, int] = {"point": len(_DIGEST.points), "todo": len(_DIGEST.todos)}


@st.composite
def _marks(draw: st.DrawFn) -> list[Mark]:
    """Marks of two raters on two digests, in any order and number: kept, dropped, put right, taken back."""
    made: list[Mark] = []
    for id in range(draw(st.integers(0, 12))):
        part = draw(st.sampled_from(list(_PARTS)))
        number = draw(st.integers(0, _PARTS[part] - 1))
        item = _DIGEST.points[number] if part == "point" else _DIGEST.todos[number]
        mark = a_mark(
            f"m{id}",
            created=f"2026-11-27T10:00:{id:02}.000000+00:00",
            rater=draw(st.sampled_from(["me", "you"])),
            completion=draw(st.sampled_from(["d1", "d2"])),
            part=_DIGEST.points[number].kind if part == "point" else part,
            number=number,
            says=draw(st.sampled_from(["keep", "drop"] if part == "point" else ["keep", "drop", "fix"])),
            turn=item.turn,
            text=item.text,
            numbers=draw(st.dictionaries(st.sampled_from(["amount", "to-do of Tom"]), st.floats(0, 1), max_size=2)),
            confidence=draw(st.sampled_from([None, 0.5, 1.0])),
        )
        made.append(mark)
    return made


@settings(max_examples=25, deadline=None)
@given(marks=_marks(), undone=st.sets(st.integers(0, 11)), thumb=st.sampled_from(["up", "down"]))
def test_what_is_exported_and_imported_keeps_marks_and_their_pairs(
    marks: list[Mark], undone: set[int], thumb: Thumb
) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "raw.jsonl"
        with Store.open(Path(place) / "one.db") as one, Store.open(Path(place) / "other.db") as other:
            one.completions.add([_shown("d1"), _shown("d2"), a_completion("a1"), a_completion("a2")])
            one.judgements.judge(a_ranking([["a1"], ["a2"]], id="r1"))
            one.judgements.judge(a_rating("d1", thumb, id="t1"))
            for mark in marks:
                one.judgements.judge(mark, made_now=True)
            for id in undone:
                if any(mark.id == f"m{id}" for mark in one.judgements.marks()):
                    one.judgements.undo(f"m{id}")
            exported = export(one, "raw")
            file.write_text("\n".join(exported.lines))
            assert import_lines(other, file).marks == len(marks)
            assert _by_id(other) == _by_id(one)
            assert other.pairs() == one.pairs() and other.stats() == one.stats()
            assert sorted(export(other, "raw").lines) == sorted(exported.lines)
            again = import_lines(other, file)
            assert (again.marks, again.known) == (0, len(marks) + 2)


def _by_id(store: Store) -> dict[str, Mark]:
    return {mark.id: mark for mark in store.judgements.marks(history=True)}
