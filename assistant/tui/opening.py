"""The screens that open over the conversation, by name.

Each is imported when it is first opened, so that the first frame waits for none. A screen takes no arguments and closes
with Esc.
"""

from importlib import import_module
from typing import Any

from textual.screen import Screen

SCREENS: dict[str, str] = {
    "comparing": "assistant.tui.screens.comparing:ComparingScreen",
    "knowledge": "assistant.tui.screens.knowledge:KnowledgeScreen",
    "log": "assistant.tui.screens.log:LogScreen",
    "models": "assistant.tui.screens.models:ModelsScreen",
    "training": "assistant.tui.screens.training:TrainingScreen",
}


def make_screen(name: str) -> Screen[Any]:
    """A new screen with this name."""
    module, _, kind = SCREENS[name].partition(":")
    screen: Screen[Any] = getattr(import_module(module), kind)()
    return screen
