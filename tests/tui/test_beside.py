"""The conversation beside its answer."""

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from assistant.tui.chat.screen import ChatScreen
from assistant.tui.digests.beside import ConversationPane
from assistant.tui.digests.listing import DigestList
from assistant.tui.digests.message import MessageScreen
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.tui.screens import STANDUP, an_app, opened, paste, said, seen, settle
from tests.tui.test_digest import digested

WIDE = (120, 40)
LONG = "\n".join(
    [
        "Maya: Room 4 costs 120 euros for the workshop on 14 May.",
        *(f"{'Tom' if number % 2 else 'Maya'}: Hm, well, yes, number {number}." for number in range(2, 81)),
        "Maya: Tom, can you send me the invoice?",
        "Tom: Sure, I'll send the invoice tomorrow.",
    ]
)
"""82 messages: what matters is in the first and the last two, and a terminal shows 40 at most."""


async def beside(pilot: Pilot[None]) -> str:
    """The words in the pane, single spaces between them, no notification over it; "" while it is hidden."""
    await settle(pilot)
    pilot.app.clear_notifications()
    await settle(pilot)
    pane = pilot.app.screen.query_one(ConversationPane)
    place = pane.region
    rows = seen(pilot.app).split("\n")[place.y : place.bottom]
    return " ".join(" ".join(row[place.x + 1 : place.right] for row in rows).split()) if pane.display else ""


def marked(pilot: Pilot[None]) -> str:
    """The words that are underlined."""
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return "".join(s.text for strip in strips for s in strip if s.style and s.style.underline).strip()


async def test_f10_shows_the_conversation_beside_the_digest_and_hides_it(tiny_model: Path) -> None:
    async with digested(tiny_model, WIDE) as pilot:
        assert not await beside(pilot)
        await pilot.press("f10")
        assert "Conversation · Maya, Tom" in await beside(pilot) and "2 Tom: Not yet. Room 4" in await beside(pilot)
        assert "To do" in seen(pilot.app), "the digest is still there"
        await pilot.press(*"a letter")
        assert pilot.app.screen.query_one(Composer).whole_text == "a letter", "letters are typed as ever"
        await pilot.press("f10")
        assert not await beside(pilot)


async def test_walking_over_the_points_marks_each_one_s_message_and_brings_it_into_view(tiny_model: Path) -> None:
    async with digested(tiny_model, WIDE, LONG) as pilot:
        await pilot.press("shift+tab", "down", "f10")
        assert "▌ 1 Maya: Room 4 costs" in await beside(pilot)
        assert "invoice" not in await beside(pilot), "the last messages have no room"
        for _ in range(len(pilot.app.screen.query_one(DigestList).lines)):
            await pilot.press("down")
        await settle(pilot)
        item = pilot.app.screen.query_one(DigestList).item
        assert item is not None and item.kind == "todo"
        assert f"▌{item.turn + 1} " in await beside(pilot) and "▌ 1" not in await beside(pilot)
        assert marked(pilot) and marked(pilot) in LONG.split("\n")[item.turn]


async def test_escape_closes_it_from_the_field_and_from_within(tiny_model: Path) -> None:
    async with digested(tiny_model, WIDE) as pilot:
        await pilot.press("f10", "escape")
        assert not await beside(pilot)
        await pilot.press("f10", "tab")
        await settle(pilot)
        await pilot.press("down", "down")
        assert isinstance(pilot.app.focused, OptionList), "Tab leads into it"
        await pilot.press("escape")
        assert not await beside(pilot) and pilot.app.screen.query_one(Composer).editor.has_focus


async def test_in_a_narrow_terminal_it_takes_the_whole_screen(tiny_model: Path) -> None:
    async with digested(tiny_model, (99, 30), LONG) as pilot:
        await pilot.press("shift+tab", "down", "f10")
        await settle(pilot)
        assert isinstance(pilot.app.screen, MessageScreen)
        lines = seen(pilot.app).split("\n")
        assert "Message 1 of 82" in seen(pilot.app) and "To do" not in seen(pilot.app)
        assert "Maya: Room 4 costs" in lines[3], "no line above it is lost to a frame"
        await pilot.press("f10")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ChatScreen)


async def test_it_hides_while_the_terminal_is_narrow(tiny_model: Path) -> None:
    async with digested(tiny_model, WIDE) as pilot:
        await pilot.press("f10")
        assert await beside(pilot)
        await pilot.resize_terminal(80, 30)
        assert not await beside(pilot)
        await pilot.resize_terminal(*WIDE)
        assert await beside(pilot)


async def test_it_follows_the_selected_answer_and_goes_with_the_chat() -> None:
    async with opened(an_app(), WIDE) as pilot:
        await settle(pilot)
        await pilot.press("f10")
        await settle(pilot)
        assert "There is no conversation in view yet." in said(pilot.app)
        for text in (STANDUP, "Al: Where is the key?\nBo: Under the mat."):
            await paste(pilot, text)
            await pilot.press("enter")
            await settle(pilot)
            if text is STANDUP:
                await pilot.press("f10")
        assert "Under the mat" in await beside(pilot), "what is sent next takes its place"
        first = pilot.app.screen.query(AnswerView).first()
        first.focus()
        assert "book the room" in await beside(pilot) and "mat" not in await beside(pilot)
        await pilot.press("f9")
        await settle(pilot)
        assert "Conversation ·" not in seen(pilot.app), "the panel takes its place"
        await pilot.press("f10")
        assert "Conversation ·" in await beside(pilot) and "This chat" not in seen(pilot.app)
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert "Conversation ·" not in seen(pilot.app)
