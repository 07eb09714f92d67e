"""What is still there at the next start: chats, their settings, what was typed, what was being written."""

import asyncio
import json
from pathlib import Path

from textual.widgets import Input

from assistant.errors import EngineDied
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.records import GenerationSettings
from assistant.settings import Settings
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.source import SourceView
from tests.doubles import ScriptedAssistant, ScriptedAssistantWithoutStore
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, said, seen, settle


async def test_a_chat_is_kept_with_its_conversation_answer_and_title() -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it."))) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    with Store.open() as store:
        (chat,) = store.chats.newest()
        messages = store.chats.messages(chat.id)
        assert not store.chats.unfinished(chat.id, "writing"), "what was kept while it was written has done its work"
    assert chat.title == "Maya moves it."
    assert [(message.kind, message.text) for message in messages] == [
        ("conversation", STANDUP),
        ("answer", "Maya moves it."),
    ]
    assert len(messages[1].completions) == 1


async def test_continue_opens_the_last_chat_with_its_settings() -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it."))) as pilot:
        await settle(pilot)
        await paste(pilot, "/mode few-shot")
        await pilot.press("enter")
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        screen = seen(pilot.app)
        assert "Maya moves it." in screen
        assert "Maya: The review moves to Friday" in screen
        assert "few-shot ▾" in screen
        await paste(pilot, "Al: And now?\nBo: Now this.")
        await pilot.press("enter")
        await settle(pilot)
    with Store.open() as store:
        (chat,) = store.chats.newest()
        assert chat.messages == 4, "it goes on in the same chat"


async def test_ctrl_r_finds_a_chat_by_a_word_and_opens_it() -> None:
    for text in ("The dentist is on Friday.", "The refund takes five days."):
        async with opened(an_app(ScriptedAssistant(text))) as pilot:
            await settle(pilot)
            await paste(pilot, STANDUP)
            await pilot.press("enter")
            await settle(pilot)
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert "The refund takes" in seen(pilot.app)
        await paste(pilot, "dentist")
        await settle(pilot)
        assert "The refund takes" not in seen(pilot.app)
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        assert pilot.app.screen.query_one(AnswerView).text == "The dentist is on Friday."


async def test_escape_closes_the_chat_list() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert isinstance(pilot.app.focused, Input)
        await pilot.press("escape")
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).editor.has_focus


async def test_what_was_typed_and_not_sent_is_there_at_the_next_start() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "Maya: half a tho")
        await asyncio.sleep(0.3)
        await settle(pilot)
    async with opened(an_app()) as pilot:
        await settle(pilot)
        assert pilot.app.screen.query_one(Composer).whole_text == "Maya: half a tho"


async def test_what_was_written_when_the_app_was_killed_is_there_at_the_next_start() -> None:
    with Store.open() as store:
        chat = store.chats.new("Standup")
        store.chats.add_message(chat.id, "conversation", STANDUP)
        store.chats.keep_unfinished(chat.id, "writing", "Maya moves the rev")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        screen = seen(pilot.app)
    assert "Maya moves the rev" in screen
    assert "the app ended while this was written" in screen


async def test_a_long_chat_mounts_a_few_and_brings_earlier_ones_on_demand() -> None:
    with Store.open() as store, store.database.writing():
        chat = store.chats.new("Long")
        for number in range(300):
            store.chats.add_message(chat.id, "conversation", f"Maya: This is message {number}.")
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        await settle(pilot)
        assert "This is message 299." in seen(pilot.app)
        for _ in range(5):
            pilot.app.screen.query_one("EarlierLine").focus()
            await pilot.press("enter")
            await settle(pilot)
        sources = pilot.app.screen.query(SourceView)
        assert len(sources) <= 120
        # 40 at first and 40 more five times: the oldest now mounted is 300 - 6 * 40.
        assert "message 60." in sources.first().dialogue.turns[0].text


async def test_a_chat_is_exported_as_markdown_and_json(tmp_path: Path) -> None:
    async with opened(an_app(ScriptedAssistant("Maya moves it.")), (140, 30)) as pilot:
        await settle(pilot)
        await paste(pilot, "/export")
        await pilot.press("enter")
        await settle(pilot)
        assert "nothing to export yet" in seen(pilot.app)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        for _ in range(2):
            await paste(pilot, "/export")
            await pilot.press("enter")
            await settle(pilot)
        await paste(pilot, "/export json")
        await pilot.press("enter")
        await settle(pilot)
    text = (tmp_path / "maya-moves-it.md").read_text()
    assert text.startswith("# Maya moves it.\n\n## Conversation\n\n> Maya: The review moves to Friday")
    assert text.endswith("## Answer\n\nMaya moves it.\n")
    assert (tmp_path / "maya-moves-it-2.md").exists(), "nothing is overwritten"
    exported = json.loads((tmp_path / "maya-moves-it.json").read_text())
    assert exported["completions"][0]["settings"]["decoding"] == "greedy"
    assert (tmp_path / "maya-moves-it.md").stat().st_mode & 0o777 == 0o600


async def test_a_new_chat_starts_empty_and_keeps_the_old_one() -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        for _ in range(2):
            await paste(pilot, STANDUP)
            await pilot.press("enter")
            await settle(pilot)
            await pilot.press("ctrl+n")
            await settle(pilot)
        assert not pilot.app.screen.query(AnswerView)
    with Store.open() as store:
        assert len(store.chats.newest()) == 2


async def test_a_store_that_cannot_be_used_is_said_and_left_alone() -> None:
    store_file().parent.mkdir(parents=True)
    store_file().write_bytes(b"this is no database " * 100)
    async with opened(an_app(), (140, 30)) as pilot:
        await settle(pilot)
        assert "is no database" in said(pilot.app)
        assert "is not saved)" in said(pilot.app)
        assert "Parley summarizes conversations" in seen(pilot.app)
    assert store_file().read_bytes() == b"this is no database " * 100


async def test_a_store_from_a_newer_version_is_refused_and_left_untouched() -> None:
    with Store.open() as store, store.database.writing() as connection:
        store.chats.new("From tomorrow")
        connection.execute("PRAGMA user_version = 99")
    before = store_file().read_bytes()
    async with opened(an_app(ScriptedAssistantWithoutStore("Maya moves it.")), (140, 30)) as pilot:
        await settle(pilot)
        assert "was written by a newer version of Parley" in said(pilot.app)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        assert "Maya moves it." in seen(pilot.app), "it can be used all the same"
    assert store_file().read_bytes() == before


async def test_a_home_that_cannot_be_written_is_said(home: Path) -> None:
    home.write_text("a file stands where the folder should be")
    async with opened(an_app(ScriptedAssistantWithoutStore("Maya moves it.")), (140, 30)) as pilot:
        await settle(pilot)
        assert "(this session is not saved)" in said(pilot.app)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        assert "Maya moves it." in seen(pilot.app)
    assert home.read_text() == "a file stands where the folder should be"


async def test_an_error_is_there_again_and_the_chat_has_a_name() -> None:
    app = an_app(ScriptedAssistant(error=EngineDied("the model's process ended twice")))
    async with opened(app) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    async with opened(an_app(continue_last=True)) as pilot:
        await settle(pilot)
        screen = seen(pilot.app)
        assert "the model's process ended twice" in screen
        assert "The review moves to Friday, is that fine" in screen.split("\n")[0]


async def test_drafts_come_back_in_the_order_in_which_they_were_shown() -> None:
    settings = Settings(generation=GenerationSettings(decoding="sample", drafts=3), summary=BY_MODEL)
    app = an_app(ScriptedAssistant("One.", "Two.", "Three."), settings, order=lambda count: (2, 0, 1)[:count])
    async with opened(app) as pilot:
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
    async with opened(an_app(continue_last=True, order=lambda count: range(count)[::-1])) as pilot:
        await settle(pilot)
        line = next(line for line in seen(pilot.app).split("\n") if "Three." in line)
        assert line.index("Three.") < line.index("One.") < line.index("Two.")
        assert pilot.app.screen.query_one(AnswerView).text == "One.", (
            "the first draft is the answer, wherever it stands"
        )
