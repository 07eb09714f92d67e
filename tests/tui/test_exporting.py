"""A chat exported with what was kept, dropped and put right in its digests."""

from pathlib import Path
from typing import cast

import pytest

from assistant.conversation import Assistant
from assistant.dialogue import parse
from assistant.digest import Digest
from assistant.feedback.marks import Part
from assistant.feedback.store import Store
from assistant.overview import Wanted, overview
from assistant.records import Ask
from assistant.settings import Settings
from assistant.tui.exporting import Kind, export_chat
from tests.unit.assistant.marking.test_marks import a_mark

_TALK = (
    "Maya: Did you book the room for the workshop on 14 May?\n"
    "Tom: Not yet. Room 4 costs <b>120</b> euros for the day.\n"
    "Maya: That's fine, take it. Can you send me the invoice?\nTom: Sure, I'll send it tomorrow.\n"
)


def _chat(store: Store) -> tuple[str, Digest]:
    """A chat with a digest in which two points, of the first three, and a to-do are marked."""
    with Assistant(Settings(), store=store) as assistant:
        found = overview(assistant, parse(_TALK), Ask(), Wanted(when="never"))
    chat = store.chats.new("Rooms").id
    store.chats.add_message(chat, "conversation", _TALK)
    store.chats.add_message(chat, "answer", found.completion.answer, [found.completion.id])
    said = {"completion": found.completion.id, "rater": "me"}
    for number, says in ((2, "keep"), (1, "drop")):
        point = found.digest.points[number]
        store.judgements.judge(a_mark(f"p{number}", **said, part=point.kind, number=number, says=says, text=point.text))
    todo = {"part": cast(Part, "todo"), "number": 0, "text": found.digest.todos[0].text}
    store.judgements.judge(
        a_mark("t1", **said, **todo, says="fix", who="Ana", when="Friday", date="2026-05-15", done=True)
    )
    return chat, found.digest


def _exported(kind: Kind, folder: Path) -> str:
    with Store.open() as store:
        return export_chat(store, _chat(store)[0], kind, folder).read_text(encoding="utf-8")


def test_markdown_lists_what_was_said_of_the_parts_in_their_order(tmp_path: Path) -> None:
    text = _exported("md", tmp_path)
    *_, marks = text.strip().split("\n\n")
    assert marks.splitlines() == [
        "- Dropped: Tom: Not yet. Room 4 costs <b>120</b> euros for the day.",
        "- Kept: Decided: Maya: That's fine, take it.",
        "- Put right: Ana · send me the invoice · Friday (2026-05-15) · done",
    ]


def test_a_page_lists_them_as_text(tmp_path: Path) -> None:
    page = _exported("html", tmp_path)
    assert "<li>Dropped: Tom: Not yet. Room 4 costs &lt;b&gt;120&lt;/b&gt; euros for the day.</li>" in page
    assert "<li>Put right: Ana · send me the invoice · Friday (2026-05-15) · done</li></ul>" in page
    assert "<b>" not in page


@pytest.mark.parametrize("kind", ["md", "html"])
def test_what_was_taken_back_is_not_listed(kind: Kind, tmp_path: Path) -> None:
    with Store.open() as store:
        chat, _ = _chat(store)
        for id in ("p1", "p2", "t1"):
            store.judgements.undo(id)
        text = export_chat(store, chat, kind, tmp_path).read_text(encoding="utf-8")
    assert not any(word in text for word in ("Kept:", "Dropped:", "Put right:", "<ul>"))


def test_where_the_digest_is_not_kept_any_more_the_marked_words_stand_for_it(tmp_path: Path) -> None:
    with Store.open() as store:
        chat, digest = _chat(store)
        with store.database.writing() as connection:
            connection.execute("DELETE FROM digests")
        text = export_chat(store, chat, "md", tmp_path).read_text(encoding="utf-8")
    assert f"- Kept: {digest.points[2].text}\n" in text
