"""The digest in the app: what a conversation is answered with unless a model's text is wanted."""

from pathlib import Path

from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.answer import AnswerView
from tests.tui.screens import opened, paste, seen, settle, until

_TALK = "\n".join(
    [
        "Maya: Did you book the room for the workshop on 14 May?",
        "Tom: Not yet. Room 4 costs 120 euros for the day.",
        "Maya: That's fine, take it. Can you send me the invoice?",
        "Tom: Sure, I'll send it tomorrow.",
    ]
)


def _app(model: Path) -> AssistantApp:
    greedy = GenerationSettings(decoding="greedy", max_new_tokens=8)
    return AssistantApp(Settings(model=ModelSettings(ref=str(model), threads=1), generation=greedy))


async def test_a_conversation_is_answered_with_its_digest_and_kept(tiny_model: Path) -> None:
    app = _app(tiny_model)
    async with opened(app, (110, 40)) as pilot:
        await until(pilot, "digest")
        await paste(pilot, _TALK)
        await pilot.press("enter")
        await until(pilot, "To do")
        screen = seen(app)
        assert "120 euros" in screen and "Tom · send" in screen and "not checked" not in screen
        (view,) = app.chat.query(AnswerView)
        assert view.answer is not None and view.answer.completion.model == "digest"
        store = app.keeper.store()
        assert store.completion(view.answer.completion.id).answer == view.answer.completion.answer


async def test_shorter_gives_a_shorter_digest(tiny_model: Path) -> None:
    app = _app(tiny_model)
    async with opened(app, (110, 40)) as pilot:
        await paste(pilot, _TALK)
        await pilot.press("enter")
        await until(pilot, "To do")
        await pilot.press(*"shorter", "enter")
        await settle(pilot)
        await settle(pilot)
        first, second = app.chat.query(AnswerView)
        assert first.answer is not None and second.answer is not None
        assert second.answer.completion.model == "digest"
        assert len(second.text.split()) < len(first.text.split())
