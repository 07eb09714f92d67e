"""Line mode over the real engine and store: the same verbs as on the screen."""

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.answering import open_library
from assistant.cli.plain import read_order, talk
from assistant.errors import UsageError
from assistant.feedback.store import Store
from assistant.settings import KnowledgeSettings
from tests.benchmarks.startup import Terminal
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.samples import FACT

SAID = """\
Maya: The review moves to Friday, is that fine for everybody?
Tom: Fine by me. I'll book the room.
.
"""


TALK = """\
Maya: Did you book the room for the workshop on 14 May?
Tom: Not yet. Room 4 costs 120 euros for the day.
Maya: That's fine, take it. Can you send me the invoice?
Tom: Sure, I'll send it tomorrow.
.
"""
QUESTION = "When does the harbour office open at half past seven?"


@pytest.fixture
def lines(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Talks through a pipe; returns what was printed."""
    monkeypatch.setenv("ASSISTANT_MODEL_REF", str(tiny_model))
    monkeypatch.setenv("ASSISTANT_MODEL_THREADS", "1")
    monkeypatch.setenv("ASSISTANT_GENERATION_MAX_NEW_TOKENS", "12")

    def talked(typed: str) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert talk() == 0
        return capsys.readouterr().out

    return talked


def test_an_order_is_read_with_ties_and_failures() -> None:
    assert read_order("2=4 1 fail 3", 4) == ([[1, 3], [0]], [2])
    assert read_order("1 2", 2) == ([[0], [1]], [])


@pytest.mark.parametrize("order", ["", "1", "1 1", "1 2 3", "a b", "1 fail"])
def test_an_order_that_does_not_name_each_draft_once_is_refused(order: str) -> None:
    with pytest.raises(UsageError):
        read_order(order, 2)


def test_the_greeting_says_why_the_model_answers_in_one_sentence(
    lines: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_MODEL_REF", "auto")
    assert "the small bundled model is used). /help lists the commands." in lines("/quit\n")


def test_a_conversation_is_answered_judged_and_explained_line_by_line(lines: Callable[[str], str]) -> None:
    renames = "/rename Maya=Ines, Tom=Raj\n/rename Zoe=Ann\n"
    ranks = "/rank 2 1\n/rank 2\n/bad too long\n"
    out = lines(f"/good\n/drafts 2\n{SAID}{renames}{ranks}/evidence\n/prompt\n/stats\n/nonsense\n/quit\n")
    assert "Error: there is no answer yet" in out
    assert "Drafts: 2." in out
    assert "Draft 1: " in out and "Draft 2: " in out
    assert "Ranked." in out
    assert "Error: no speaker is called 'Zoe'; there are Ines, Raj" in out
    assert "Error: there are 2 drafts to rank" in out
    assert "Rated down." in out
    assert "Ines: The review moves to Friday" in out, "the exact prompt"
    assert "rankings           1" in out
    assert "Error: no command /nonsense" in out
    with Store.open() as store:
        (ranking,), (rating,) = store.judgements.rankings(), store.judgements.ratings()
    assert [len(group) for group in ranking.groups] == [1, 1]
    assert (rating.thumb, rating.reasons) == ("down", ("too long",))


def test_a_conversation_is_answered_with_its_digest_and_kept_as_a_chat(lines: Callable[[str], str]) -> None:
    out = lines(f"/evidence\n{TALK}/turns\n/evidence\n/prompt\n/good\n/help\n")
    assert "Error: there is no conversation in view yet" in out
    assert "Tom: Not yet. Room 4 costs 120 euros for the day." in out
    assert "To do" in out and "Tom · send" in out
    assert "Message 2, Tom: Not yet." in out
    assert "Everything in this answer is quoted from the conversation." in out
    assert "No model was asked" in out
    assert "/task NAME       choose what to write (digest, summary, topic, actions)" in out
    with Store.open() as store:
        (chat,) = store.chats.newest()
        assert [message.kind for message in store.chats.messages(chat.id)] == ["conversation", "answer"]
        assert chat.title, "the digest's subject names it, as in the app"
        (rating,) = store.judgements.ratings()
        assert (store.chats.messages(chat.id)[1].completions, store.completions.digest(rating.completion)[:1]) == (
            (rating.completion,),
            "{",
        )


def test_chats_are_listed_gone_on_with_named_exported_deleted_and_brought_back(
    lines: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines(f"{TALK}/title Workshop\n/new\n/task summary\n{SAID}/title Review\n/good\n")
    out = lines(
        "/chats\n/chats workshop\n/resume 1\n/again\n/export\n/export pdf\n/delete\n/chats\n/undo\n/undo\n/chats\n"
    )
    day = r"\d{4}-\d\d-\d\d"
    assert re.search(rf"^1\. Review, {day}, 2 messages\n2\. Workshop, {day}, 2 messages\n1\. Workshop, ", out, re.M)
    assert "Workshop, 2 messages.\nConversation · 4 messages · 2 people. /turns reads it out.\nAnswer:\n  Maya: " in out
    assert out.count("To do") == 2, "read out, and answered again"
    assert f"Written to {tmp_path / 'workshop.md'}" in out
    assert "Error: no format 'pdf' for a chat; there are md, html and json" in out
    deleted = out.index("Deleted “Workshop” with 2 answers. /undo brings it back until you delete another or leave.")
    assert re.match(rf"Deleted.*\n1\. Review, {day}, 2 messages\nWorkshop is back\.", out[deleted:])
    assert "Error: there is no deleted chat to bring back" in out
    assert re.search(rf"1\. Workshop, {day}, 3 messages\n2\. Review", out[deleted:])
    with Store.open() as store:
        assert [chat.title for chat in store.chats.newest()] == ["Workshop", "Review"]


def test_a_file_is_read_and_answered_like_a_paste(lines: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text(TALK.removesuffix(".\n"))
    out = lines(f"/read {tmp_path / 'talk.txt'}\n/read {tmp_path / 'none.txt'}\n/read\n")
    assert "Tom · send" in out
    assert f"Error: there is no file {tmp_path / 'none.txt'}" in out
    assert "Error: name a file: /read standup.txt" in out
    with Store.open() as store:
        (chat,) = store.chats.newest()
        assert store.chats.messages(chat.id)[0].text == TALK.removesuffix("\n.\n")


def test_leaving_makes_a_deletion_final(lines: Callable[[str], str]) -> None:
    lines(f"{TALK}/delete\n")
    with Store.open() as store:
        assert sorted(stone.noun for stone in store.judgements.tombstones()) == ["chat", "completion"]


def test_documents_answer_with_the_places_that_say_it(
    lines: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.answering.library.open_embedder", lambda name, cache, **_: WordEmbedder())
    assert "There are no documents yet: assistant knowledge add PATH" in lines(f"/ask {QUESTION}\n")
    (tmp_path / "office.txt").write_text(FACT)
    with open_library(KnowledgeSettings()) as library:
        library.add([tmp_path / "office.txt"])
    out = lines(f"/ask {QUESTION}\n/good\n/question Who?\n/ask\n")
    assert f"“{FACT}” [1]\n[1] {tmp_path / 'office.txt'}, characters 0-" in out
    assert "Rated up." in out
    assert "Error: there is no conversation in view: paste one first, or /ask your documents" in out
    assert "Error: write a question" in out
    with Store.open() as store:
        assert [message.kind for message in store.chats.messages(store.chats.newest()[0].id)] == ["user", "answer"]


def test_on_a_terminal_nothing_is_coloured_or_drawn_over(tiny_model: Path, home: Path) -> None:
    environment = {**os.environ, "ASSISTANT_HOME": str(home), "TERM": "xterm-256color", "ASSISTANT_MODEL_THREADS": "1"}
    environment |= {"ASSISTANT_MODEL_REF": str(tiny_model), "ASSISTANT_SUMMARY_TASK": "digest"}
    terminal = Terminal([sys.executable, "-m", "assistant", "--plain"], environment)
    try:
        terminal.wait_for(lambda drawn: b"/help lists the commands." in drawn)
        terminal.press(TALK.encode())
        terminal.wait_for(lambda drawn: b"To do" in drawn)
        terminal.press(b"/task summary\n/again\n")
        terminal.wait_for(lambda drawn: b" seconds)" in drawn)
        terminal.press(b"/chats\n/quit\n")
        terminal.wait_for(lambda drawn: b"1. " in drawn)
    finally:
        terminal.close()
    # Text and line ends alone: no escape, no going back to the start of a line, no backspace, no bell.
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)", terminal.output)
