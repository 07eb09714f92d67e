"""Ctrl+F: the messages of all chats, best first, and the way to one of them."""

from pathlib import Path

import pytest

from assistant.feedback.store import Store
from assistant.tui.digests.message import MessageScreen
from assistant.tui.screens.search import SearchScreen
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.sent import QuestionView
from tests.builders import a_completion
from tests.tui.screens import STANDUP, an_app, opened, paste, said, seen, settle, until


@pytest.fixture(autouse=True)
def chats() -> None:
    """One chat with a long past, and one with a conversation and its answer."""
    with Store.open() as store:
        long = store.chats.new("Plumbing")
        for number in range(60):
            store.chats.add_message(long.id, "user", f"What about tap {number}?")
        store.chats.add_message(long.id, "user", "And the boiler, the boiler that leaks?")
        for number in range(60, 130):
            store.chats.add_message(long.id, "user", f"What about tap {number}?")
        other = store.chats.new("Review")
        store.completions.add([a_completion("a1", answer="The boiler is mentioned once in a long answer on Fridays.")])
        store.chats.add_message(other.id, "conversation", STANDUP)
        store.chats.add_message(other.id, "answer", "The boiler is mentioned once in a long answer on Fridays.", ["a1"])


async def test_hits_come_best_first_with_their_words_marked() -> None:
    async with opened(an_app(), (120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+f", *"boiler")
        await until(pilot, "2 found")
        screen = seen(pilot.app)
        assert screen.index("And the boiler, the boiler") < screen.index("mentioned once"), "twice in a short message"
        assert "Plumbing" in screen and "Review" in screen
        underlined = [
            segment.text
            for strip in pilot.app.screen._compositor.render_strips(pilot.app.size)
            for segment in strip
            if segment.style and segment.style.underline
        ]
        assert underlined.count("boiler") == 3
        await pilot.press("x")
        await until(pilot, "nothing found")


async def test_enter_opens_the_chat_at_a_message_far_back() -> None:
    async with opened(an_app(), (100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+f", *"boiler leaks")
        await until(pilot, "1 found")
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        assert isinstance(pilot.app.focused, QuestionView)
        assert pilot.app.focused.text == "And the boiler, the boiler that leaks?"
        assert "And the boiler, the boiler that leaks?" in seen(pilot.app), "it is in view"
        await pilot.press(*"more", "ctrl+f")
        await settle(pilot)
        assert isinstance(pilot.app.screen, SearchScreen), "from the composer too"


async def test_a_word_of_a_conversation_opens_it_at_the_turn_that_has_it() -> None:
    async with opened(an_app(), (100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+f", *"numbers noon")
        await until(pilot, "1 found")
        await pilot.press("enter")
        await until(pilot, "Message 3 of 3")
        assert isinstance(pilot.app.screen, MessageScreen)
        await pilot.press("escape")
        assert pilot.app.screen.query_one(AnswerView)


async def test_what_is_found_no_more_and_odd_signs_do_no_harm() -> None:
    async with opened(an_app(), (100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+f")
        for typed in ('"', "*", "AND NOT", "[bold]", "\x02"):
            await paste(pilot, typed)
            await settle(pilot)
        await pilot.press("enter", "escape")
        assert "should not happen" not in said(pilot.app)


async def test_a_chat_is_written_as_a_page_that_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(an_app(), (100, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, "Al: <script>alert(1)</script> & more\nBo: Two.")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press(*"/export html", "enter")
        await until(pilot, ".html")
        await pilot.press(*"/export pdf", "enter")
        await settle(pilot)
        assert "there are md, html and json" in said(pilot.app)
    (page,) = tmp_path.glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "Al: &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "<script" not in text and "default-src 'none'" in text


async def test_a_chat_of_the_list_is_pinned_and_renamed() -> None:
    async with opened(an_app(), (100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        screen = seen(pilot.app)
        assert screen.index("Review") < screen.index("Plumbing"), "the one used last comes first"
        await pilot.press("down", "ctrl+k")
        await until(pilot, "◆ Plumbing")
        await settle(pilot)
        screen = seen(pilot.app)
        assert screen.index("Plumbing") < screen.index("Review")
        await pilot.press("f2")
        await settle(pilot)
        await pilot.press(*"Taps", "enter")
        await until(pilot, "◆ Taps")
    with Store.open() as store:
        assert [(chat.title, chat.pinned) for chat in store.chats.newest()] == [("Taps", True), ("Review", False)]
        last = store.chats.last()
        assert last is not None and last.title == "Review", "pinned is not used"
