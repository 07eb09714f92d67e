"""Comparing a new version with the model before it, blind: what the person sees, and what is kept of the choices."""

import random
import shutil
from pathlib import Path

import pytest

from assistant.models import registry
from assistant.models.proof import Trial, read_trial
from assistant.models.versions import VersionFacts, preparing, promote, register
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings
from assistant.trials import Pair, counted
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.drafts import DraftCard
from tests.tiny_models import build_tiny_model
from tests.tui.screens import BY_MODEL, STANDUP, an_app, opened, paste, said, seen, settle, until

SETTINGS = Settings(
    summary=BY_MODEL,
    model=ModelSettings(threads=1),
    generation=GenerationSettings(decoding="greedy", max_new_tokens=8, faithful="off"),
)


@pytest.fixture
def bundled(taught_model: Path, tiny_conversion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small pocket, converted, and no Hub cache."""
    folder = shutil.copytree(taught_model, tmp_path / "bundled")
    shutil.copytree(tiny_conversion, folder / "ctranslate")
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return folder


def test_a_choice_counts_for_the_version_wherever_its_answer_stands() -> None:
    ours_first, ours_second = (Pair(prompt="p", texts=("a", "b"), ours=place) for place in (0, 1))
    held = Trial(against="pocket")
    chosen = ((ours_first, 0), (ours_second, 0), (ours_second, 1), (ours_second, 1), (ours_first, None))
    for pair, choice in chosen:
        held = counted(held, pair, choice)
    # Ours won in the first, third and fourth, and lost in the second.
    assert held == Trial(against="pocket", wins=3, losses=1, ties=1)


async def test_two_models_answer_blind_and_every_choice_is_kept(bundled: Path, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", steps=2)
    with preparing() as draft:
        shutil.copytree(other, draft, dirs_exist_ok=True)
        version = register(draft, VersionFacts(base="pocket", method="rlhf"))
    async with opened(AssistantApp(SETTINGS, chance=random.Random(3)), (110, 36)) as pilot:
        app = pilot.app
        await settle(pilot)
        for day in ("Friday", "Monday"):
            await paste(pilot, STANDUP.replace("Friday", day))
            await pilot.press("enter")
            await settle(pilot)
            await settle(pilot)
        promote(version.ref)
        await pilot.press("f4", "c")
        await until(pilot, "Which is better? 1 of 2")
        first = [str(card.render()) for card in app.screen.query(DraftCard)]
        assert len(set(first)) == 2
        assert version.ref not in "".join(first)
        assert "The review moves to" in seen(app)
        await pilot.press("1")
        await until(pilot, "Which is better? 2 of 2")
        # The first choice is on disk before the second is asked for.
        kept = read_trial(Path(version.folder))
        assert kept is not None
        assert (kept.against, kept.wins + kept.losses, kept.ties) == ("pocket", 1, 0)
        await pilot.press("equals_sign")
        await until(pilot, "all sittings together")
        assert f"{version.ref} against pocket" in seen(app)
        await pilot.press("1")  # there is nothing more to choose
        after = read_trial(Path(version.folder))
        assert after is not None
        assert (after.wins + after.losses, after.ties) == (1, 1)


async def test_without_a_version_it_says_how_to_get_one() -> None:
    async with opened(an_app(), (110, 30)) as pilot:
        await pilot.press("f4", "c")
        await settle(pilot)
        await settle(pilot)
        assert "no version to compare: train one" in said(pilot.app)
        assert "Which is better" not in seen(pilot.app)
