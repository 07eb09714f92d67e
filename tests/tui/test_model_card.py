"""The card that offers a larger model: beside the field, remembered when declined, and silent without a network."""

from pathlib import Path

import pytest
from textual.widgets import OptionList

from assistant.models.downloads import remembered
from assistant.settings import load_settings
from assistant.tui.widgets.transcript.model_card import ModelCard
from assistant.tui.workers.pulling import take_as_base
from tests.tui.screens import an_app, opened, seen, settle


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user allows the network, and Linux has an interface that is up. Any socket would still fail the test."""
    (tmp_path / "net" / "eth0").mkdir(parents=True)
    (tmp_path / "net" / "eth0" / "operstate").write_text("up")
    monkeypatch.setattr("assistant.models.downloads.NETWORK", tmp_path / "net")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


async def test_the_card_offers_three_models_and_what_is_typed_goes_to_the_field(online: None) -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        screen = seen(pilot.app)
        assert "small 308 MB · memory >0.1 GB" in screen
        assert "`assistant models exam REF` measures" in screen
        assert "base  990 MB · memory  0.4 GB" in screen
        assert "large 3.1 GB · memory >0.8 GB" in screen
        await pilot.press(*"hello")
        await settle(pilot)
        assert "hello" in seen(pilot.app)
        pilot.app.screen.query_one(ModelCard).query_one(OptionList).focus()
        await pilot.press("home", "enter")
        await settle(pilot)
        assert "Download google/flan-t5-small?" in seen(pilot.app)
        assert "308 MB · apache-2.0" in seen(pilot.app)
        await pilot.press("escape")


async def test_a_small_screen_has_room_for_the_card_and_the_field(online: None) -> None:
    async with opened(an_app(), (60, 20)) as pilot:
        await settle(pilot)
        screen = seen(pilot.app)
        assert "large 3.1 GB · memory >0.8 GB" in screen
        assert "`assistant models exam REF` measures" in screen
        assert "Not now" in screen
        assert "Paste a conversation and press Enter" in screen


async def test_not_now_is_remembered(online: None) -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        pilot.app.screen.query_one(ModelCard).query_one(OptionList).focus()
        await pilot.press("end", "enter")
        await settle(pilot)
        assert "308 MB" not in seen(pilot.app)
    assert remembered().is_declined
    async with opened(an_app()) as pilot:
        await settle(pilot)
        assert "308 MB" not in seen(pilot.app)


async def test_without_a_network_one_line_says_so_once() -> None:
    async with opened(an_app()) as pilot:  # HF_HUB_OFFLINE is set in tests
        await settle(pilot)
        assert "there is none here" in " ".join(seen(pilot.app).split())
        assert "308 MB" not in seen(pilot.app)
    async with opened(an_app()) as pilot:
        await settle(pilot)
        assert "there is none here" not in " ".join(seen(pilot.app).split())


def test_a_model_taken_from_the_card_answers_at_the_next_start_and_any_other_changes_nothing() -> None:
    assert take_as_base("org/tiny", load_settings()).model.base == "google/flan-t5-base"
    assert take_as_base("google/flan-t5-small", load_settings()).model.base == "google/flan-t5-small"
    assert load_settings().model.base == "google/flan-t5-small"
