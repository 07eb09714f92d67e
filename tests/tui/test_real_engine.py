"""The screen over the real engine: a tiny model with random weights in its own process."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from assistant.feedback.store import Store
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.terminal import one_line
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.tiny_models import build_tiny_model
from tests.tui.screens import BY_MODEL, STANDUP, opened, paste, said, seen, settle


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the conversion is kept from test to test: it takes the seconds that it takes to import torch."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def shared_cache(home: Path, converted: Path) -> None:
    home.mkdir()
    (home / "cache").symlink_to(converted, target_is_directory=True)


def settings_for(folder: Path, **generation: object) -> Settings:
    drawn = {"decoding": "greedy", "max_new_tokens": 12, "no_repeat_ngram": 2, **generation}
    return Settings(
        summary=BY_MODEL,
        model=ModelSettings(ref=str(folder), threads=1),
        generation=GenerationSettings(**drawn),  # type: ignore[arg-type]
    )


async def test_a_conversation_is_summarized_by_the_real_engine_and_kept(tiny: Path) -> None:
    async with opened(AssistantApp(settings_for(tiny))) as pilot:
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        view = pilot.app.screen.query_one(AnswerView)
        assert view.answer is not None
        assert one_line(view.answer.completion.answer)[:30] in one_line(seen(pilot.app))
    with Store.open() as store:
        kept = store.completions.newest()
    assert [completion.id for completion in kept] == [view.answer.completion.id]
    assert "Maya: The review moves to Friday" in kept[0].prompt


async def test_a_worker_killed_while_writing_is_replaced_and_said_so(tiny: Path) -> None:
    async with opened(
        AssistantApp(settings_for(tiny, decoding="sample", faithful="off", max_new_tokens=9_000, min_new_tokens=9_000))
    ) as pilot:
        app = pilot.app
        assert isinstance(app, AssistantApp)
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        while not app.screen.query_one(AnswerView).text:
            await asyncio.sleep(0.005)
        process = app.assistant._engine.process_id  # type: ignore[union-attr]
        assert process is not None
        os.kill(process, signal.SIGKILL)
        await settle(pilot)
        assert "was started again" in said(app)
        view = app.screen.query_one(AnswerView)
        assert view.answer is not None, "what it had written is kept"
        assert view.answer.completion.finished == "cancelled"
