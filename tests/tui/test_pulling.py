"""Downloading a model from the screen: how far it is, stopped, gone on with, and served."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from assistant.locations import models_dir
from assistant.tui.messages import PullMoved
from assistant.tui.widgets.download import describe_pull
from tests.doubles import ScriptedAssistant
from tests.hub import Hub, serving
from tests.tui.screens import STANDUP, an_app, opened, paste, said, seen, settle


@pytest.fixture
def hub(tiny_model: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tiny_model, monkeypatch) as server:
        yield server


async def ask_to_pull(pilot: Pilot[None]) -> None:
    await paste(pilot, "/pull org/tiny")
    await pilot.press("enter")
    await pilot.pause()
    await pilot.press("down", "enter")


async def until_seen(pilot: Pilot[None], text: str) -> None:
    """Wait for a text while the download, which is a worker, goes on."""
    for _ in range(600):
        await pilot.pause()
        if text in seen(pilot.app):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{text!r} did not come:\n{seen(pilot.app)}")


async def test_a_download_shows_how_far_it_is_is_stopped_goes_on_and_serves(hub: Hub) -> None:
    assistant = ScriptedAssistant()
    hub.hold = threading.Event()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await ask_to_pull(pilot)
        await until_seen(pilot, " of 0 MB")  # the tiny model has less than one
        assert "org/tiny" in seen(pilot.app)
        await paste(pilot, "/pull")
        await pilot.press("enter")
        await until_seen(pilot, "org/tiny is being downloaded")
        await pilot.press("down", "enter")
        hub.hold.set()
        await settle(pilot)
        assert "/pull org/tiny continues the download" in said(pilot.app)
        assert "Esc stops it" not in seen(pilot.app)
        assert "org/tiny" not in assistant.models

        hub.hold = None
        hub.ranges.clear()
        await ask_to_pull(pilot)
        await until_seen(pilot, "org/tiny is here.")
        await settle(pilot)
        assert assistant.models[-1] == "org/tiny"
        assert hub.ranges, "the rest alone was asked for"


async def test_esc_stops_a_download_and_what_answered_goes_on_answering(hub: Hub) -> None:
    assistant = ScriptedAssistant("Tom books the room.")
    hub.hold = threading.Event()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await ask_to_pull(pilot)
        await until_seen(pilot, " of 0 MB")
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await until_seen(pilot, "Tom books the room.")
        await pilot.press("escape")
        hub.hold.set()
        await settle(pilot)
        assert "/pull org/tiny continues the download" in said(pilot.app)
    assert assistant.models == [None]


async def test_the_hub_is_asked_how_large_a_model_is_only_on_request(hub: Hub) -> None:
    async with opened(an_app()) as pilot:
        await settle(pilot)
        await paste(pilot, "/pull org/tiny")
        await pilot.press("enter")
        await until_seen(pilot, "only huggingface.co knows")
        await pilot.press("down", "down", "enter")
        await until_seen(pilot, "0 MB · apache-2.0")
        assert not models_dir().exists()


async def test_a_folder_may_be_given_instead(taught_model: Path) -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press(*"/model", "space", *"google/flan-t5-base", "enter")
        await settle(pilot)
        # 990,345,064 bytes of weights; no download was made yet, so no time is named.
        assert "990 MB · apache-2.0" in seen(pilot.app)
        assert "as last time" not in seen(pilot.app)
        await pilot.press("down", "down", "enter")
        await settle(pilot)
        await paste(pilot, str(taught_model))
        await pilot.press("enter")
        await settle(pilot)
    assert assistant.models == [None, str(taught_model)]


async def test_without_the_network_one_line_says_so_and_what_answered_still_does() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:  # HF_HUB_OFFLINE is set in every test that names no server
        await settle(pilot)
        await ask_to_pull(pilot)
        await settle(pilot)
        assert "HF_HUB_OFFLINE is set, so nothing is downloaded" in said(pilot.app)
        assert "pocket · ctranslate" in seen(pilot.app)
    assert assistant.models == [None]


async def test_quitting_stops_a_download(hub: Hub) -> None:
    hub.hold = threading.Event()
    app = an_app()
    async with opened(app) as pilot:
        await settle(pilot)
        await ask_to_pull(pilot)
        await until_seen(pilot, " of 0 MB")
    hub.hold.set()
    for _ in range(600):
        if not app.pulling.ref:
            break
        await asyncio.sleep(0.05)
    assert not app.pulling.ref
    assert not (models_dir() / "org--tiny").exists()


def test_the_line_says_how_much_and_how_long() -> None:
    # 990 MB, 310 of them here at 4 MB/s: (990 - 310) / 4 = 170 s; 310 / 990 of 10 cells are 3.
    news = PullMoved("google/flan-t5-base", 310_000_000, 990_000_000, 4e6)
    assert describe_pull(news, 80) == "▓▓▓░░░░░░░ google/flan-t5-base · 310 of 990 MB, 2:50 left · Esc stops it"
    # 72 characters with the bar, 61 without, 39 without the name.
    assert describe_pull(news, 71) == "google/flan-t5-base · 310 of 990 MB, 2:50 left · Esc stops it"
    assert describe_pull(news, 60) == "310 of 990 MB, 2:50 left · Esc stops it"
