"""Deleting a chat in the app, and bringing it back."""

from textual.pilot import Pilot

from assistant.feedback.store import Store
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.builders import a_completion
from tests.doubles import ScriptedAssistant
from tests.tui.screens import an_app, opened, paste, said, seen, settle


def keep_a_chat(title: str) -> None:
    """A chat with one rated answer."""
    with Store.open() as store:
        chat = store.chats.new(title, id=title)
        store.chats.add_message(chat.id, "user", f"Say something of {title}.")
        store.completions.add([a_completion(f"{title}-answer", answer=f"So much of {title}.")])
        store.chats.add_message(chat.id, "answer", f"So much of {title}.", [f"{title}-answer"])
        store.judgements.rate(f"{title}-answer", "up", rater="me")


def titles() -> list[str]:
    with Store.open() as store:
        return [chat.title for chat in store.chats.newest()]


def typed(pilot: Pilot[None]) -> str:
    return pilot.app.screen.query_one(Composer).whole_text


async def run(pilot: Pilot[None], command: str) -> None:
    await paste(pilot, command)
    await pilot.press("enter")
    await settle(pilot)
    await settle(pilot)


async def test_ctrl_z_brings_a_chat_of_the_list_back() -> None:
    keep_a_chat("Lunch")
    keep_a_chat("Dentist")
    async with opened(an_app(), (120, 30)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        await pilot.press("down", "ctrl+d")
        await settle(pilot)
        assert "Deleted “Lunch” with 1 answer and 1 judgement. ^Z or /undo brings it back." in said(pilot.app)
        assert titles() == ["Dentist"]
        assert "Lunch" not in seen(pilot.app).split("Deleted")[0], "the list has it no more"
        assert "1 rating" in seen(pilot.app), "nor has the count at the foot"
        await pilot.press("ctrl+z")
        await settle(pilot)
        assert "“Lunch” is back." in said(pilot.app)
        assert titles() == ["Dentist", "Lunch"]
        assert "2 ratings" in seen(pilot.app)


async def test_the_chat_in_view_is_deleted_and_is_in_view_again() -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it."))) as pilot:
        await settle(pilot)
        await run(pilot, "/delete")
        assert "no chat to delete yet" in said(pilot.app)
        await run(pilot, "/undo")
        assert "no deleted chat" in said(pilot.app)
        await run(pilot, "Maya: hello there\nTom: hello to you")
        await run(pilot, "/delete")
        assert not pilot.app.screen.query(AnswerView)
        await run(pilot, "/undo")
        assert pilot.app.screen.query_one(AnswerView).text == "Maya moves it."
    assert titles() == ["Maya moves it."]


async def test_the_list_marks_the_chat_in_view_again() -> None:
    keep_a_chat("Lunch")
    async with opened(an_app(continue_last=True), (120, 30)) as pilot:
        await settle(pilot)
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert "● Lunch" in seen(pilot.app)
        await pilot.press("ctrl+d")
        await settle(pilot)
        assert "● Lunch" not in seen(pilot.app)
        await pilot.press("ctrl+z")
        await settle(pilot)
        await settle(pilot)
        assert "● Lunch" in seen(pilot.app)


async def test_ctrl_z_takes_back_what_was_typed_since() -> None:
    keep_a_chat("Lunch")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        await run(pilot, "/delete")
        await pilot.press("a", "ctrl+z")
        await settle(pilot)
        assert (typed(pilot), titles()) == ("", [])
        await run(pilot, "/undo")
        assert titles() == ["Lunch"]


async def test_closing_the_app_makes_it_final() -> None:
    keep_a_chat("Lunch")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        await run(pilot, "/delete")
    with Store.open() as store:
        assert {stone.id for stone in store.judgements.tombstones()} >= {"Lunch", "Lunch-answer"}


async def test_the_next_start_makes_final_what_a_crash_left_open() -> None:
    keep_a_chat("Lunch")
    with Store.open() as store:
        store.deletions.set_aside("Lunch")
        async with opened(an_app()) as pilot:
            await settle(pilot)
            await settle(pilot)
            assert "Lunch" in {stone.id for stone in store.judgements.tombstones()}


async def test_a_chat_that_another_window_deleted_for_good_is_said() -> None:
    keep_a_chat("Lunch")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        await run(pilot, "/delete")
        with Store.open() as store:
            store.deletions.finish()
        await run(pilot, "/undo")
        assert "is deleted for good" in said(pilot.app)
