"""Takes the pictures of the README: the real app, a real model and an example conversation, as SVG.

python docs/screenshots.py [--model pocket] [--into docs/screenshots]
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.events import Paste
from textual.pilot import Pilot

from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, ScreenSettings, Settings
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.answer import AnswerView

SIZE = (110, 32)
EXAMPLES = Path(__file__).parent / "examples"

Play = Callable[[Pilot[None]], Awaitable[None]]


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is loading or being written."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(0.3)


async def send(pilot: Pilot[None], text: str) -> None:
    """Paste a text, send it, and wait for the answer."""
    pilot.app.screen.focused.post_message(Paste(text))  # type: ignore[union-attr]
    await pilot.pause()
    await pilot.press("enter")
    await settle(pilot)
    while not pilot.app.screen.query(AnswerView) or pilot.app.screen.query(AnswerView).last().answer is None:
        await pilot.pause(0.1)
    await settle(pilot)


async def digest(pilot: Pilot[None]) -> None:
    """A conversation and its digest."""
    await settle(pilot)
    await send(pilot, (EXAMPLES / "standup.txt").read_text(encoding="utf-8"))


async def documents(pilot: Pilot[None]) -> None:
    """A document is added, and a question answered from it."""
    await settle(pilot)
    await pilot.press("f8", *str(EXAMPLES / "handbook.md"), "enter")
    await settle(pilot)
    await pilot.press("escape")
    await send(pilot, "How long is the notice period after three years?")


PICTURES: dict[str, tuple[Play, str, GenerationSettings]] = {
    "digest": (digest, "parley-dark", GenerationSettings()),
    "documents": (documents, "parley-dark", GenerationSettings()),
}


async def take(name: str, model: str, folder: Path) -> Path:
    """Play one picture's keys and save what is on the screen."""
    play, theme, generation = PICTURES[name]
    settings = Settings(model=ModelSettings(ref=model), screen=ScreenSettings(theme=theme), generation=generation)
    app = AssistantApp(settings)
    async with app.run_test(size=SIZE) as pilot:
        await play(pilot)
        await pilot.pause(0.3)
        app.clear_notifications()
        await pilot.pause()
        return Path(app.save_screenshot(f"{name}.svg", str(folder)))


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "screenshots")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        with tempfile.TemporaryDirectory() as home:
            os.environ["ASSISTANT_HOME"] = home
            path = asyncio.run(take(name, options.model, options.into))
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
