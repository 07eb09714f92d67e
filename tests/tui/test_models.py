"""Models in the app: a version that was made while it is open answers in the same chat, and the screen of models."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.models import registry
from assistant.models.registry import promoted_ref
from assistant.models.versions import VersionFacts, preparing, promote, register
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.answer import AnswerView
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, said, seen, settle

SETTINGS = Settings(
    summary=BY_MODEL, model=ModelSettings(threads=1), generation=GenerationSettings(decoding="greedy", max_new_tokens=8)
)


@pytest.fixture(autouse=True)
def bundled(taught_model: Path, tiny_conversion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small pocket, converted, and no Hub cache."""
    folder = shutil.copytree(taught_model, tmp_path / "bundled")
    shutil.copytree(tiny_conversion, folder / "ctranslate")
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return folder


def tuned(bundled: Path, **figures: float) -> str:
    """A version like the bundled model."""
    with preparing() as draft:
        shutil.copytree(bundled, draft, dirs_exist_ok=True)
        return register(draft, VersionFacts(base="pocket", method="lora", figures=figures)).ref


@contextlib.asynccontextmanager
async def opened_models() -> AsyncIterator[Pilot[None]]:
    """The app at its screen of models."""
    async with opened(an_app()) as pilot:
        assert isinstance(pilot.app, AssistantApp)
        await settle(pilot)
        pilot.app.action_open("models")
        await settle(pilot)
        yield pilot


async def test_a_version_promoted_elsewhere_answers_in_the_same_chat(bundled: Path) -> None:
    async with opened(AssistantApp(SETTINGS)) as pilot:
        app = pilot.app
        assert isinstance(app, AssistantApp)
        await settle(pilot)
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        promote(tuned(bundled))  # as another process would
        app.follow_model()  # the clock does so every second
        await settle(pilot)
        await settle(pilot)
        assert app.model.ref == "v1"
        assert "v1" in seen(app)
        await paste(pilot, STANDUP.replace("Friday", "Monday"))
        await pilot.press("enter")
        await settle(pilot)
        await settle(pilot)
        views = list(app.screen.query(AnswerView))
        assert [view.answer.completion.model for view in views if view.answer] == ["pocket", "v1"]


async def test_a_damaged_promotion_leaves_the_model_that_serves(bundled: Path) -> None:
    async with opened(AssistantApp(SETTINGS)) as pilot:
        app = pilot.app
        assert isinstance(app, AssistantApp)
        await settle(pilot)
        ref = tuned(bundled)
        promote(ref)
        (registry.models_dir() / ref / "tokenizer.json").unlink()
        app.follow_model()
        await settle(pilot)
        assert app.model.ref == "pocket"
        assert app.assistant is not None
        assert not app.assistant.has_moved()  # looked at once, not every second


async def test_the_screen_of_models_opens_at_the_one_that_answers_and_says_what_tuning_brought(bundled: Path) -> None:
    brought = {"rouge1": 31.44, "rouge1_gain": 3.25, "judged": 100, "rouge1_change_on_other tasks": -0.52}
    spent = {"dev_loss": 2.376, "dev_loss_before": 3.046, "seconds": 48.7, "peak_memory_mib": 738.6}
    promote(tuned(bundled, **brought, **spent))
    async with opened_models() as pilot:
        app, screen = pilot.app, seen(pilot.app)
        assert "held-out loss 3.05 → 2.38" in screen
        assert "ROUGE-1 31.4 (+3.2) on 100 conversations" in screen
        assert "other tasks: ROUGE-1 -0.5" in screen
        assert "in 49 s, 739 MiB of memory at most" in screen
        await pilot.press("up")
        await settle(pilot)
        assert "held-out loss" not in seen(app)  # the bundled one was not tuned here


async def test_the_screen_of_models_chooses_goes_back_and_deletes(bundled: Path) -> None:
    first, second = tuned(bundled, rouge1_gain=3.25), tuned(bundled)
    async with opened_models() as pilot:
        app, screen = pilot.app, seen(pilot.app)
        assert "comes with Parley" in screen
        assert "lora of pocket, ROUGE-1 +3.2" in screen
        await pilot.press("down", "enter")
        await settle(pilot)
        assert promoted_ref() == first
        assert "● v1" in seen(app)
        await pilot.press("d", "d")
        await settle(pilot)
        assert f"{first} is in use: choose another first" in said(app)
        await pilot.press("down", "d")
        await settle(pilot)
        assert f"Press d again to delete {second}" in said(app)
        await pilot.press("d")
        await settle(pilot)
        assert seen(app).count("lora of pocket") == 1
        await pilot.press("b")
        await settle(pilot)
        assert promoted_ref() is None
        await pilot.press("escape")
        await asyncio.sleep(0)
