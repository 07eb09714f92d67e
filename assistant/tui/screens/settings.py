"""The settings, made from the settings tree: every key with its value, where that came from and what it means. Writes
to the user's file, comments kept.
"""

import json
from typing import Any

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.errors import AssistantError, UsageError
from assistant.locations import settings_file
from assistant.settings import Setting, Settings, list_settings, resolve, save_setting
from assistant.terminal import one_line
from assistant.tui.choices import Offer
from assistant.tui.manual import allowed_values, explanations
from assistant.tui.screens.pick import PickScreen


class SettingsScreen(ModalScreen[Settings | None]):
    """Returns the settings in force after a change, None where nothing was changed."""

    BINDINGS = [("escape,f2", "close", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self._changed: Settings | None = None
        self._listed: dict[str, Setting] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static(Content("Settings"), classes="heading")
            yield OptionList(compact=True)
            yield Static(classes="hint", markup=False)

    def on_mount(self) -> None:
        self._list()
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        key = event.option.id or ""
        origin = self._listed[key].origin
        about = explanations().get(key, "")
        where = f"from: {origin} · Enter changes it in {settings_file()}"
        self.query_one(".hint", Static).update(Content(f"{about}\n{where}"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        key = event.option.id or ""
        now = _as_text(self._listed[key].value)
        values = allowed_values().get(key)
        offers = [Offer(value=_as_text(value), label=_as_text(value)) for value in values or ()]
        screen = PickScreen(key, offers, now, free="" if values else f"now: {now or 'empty'}")
        self.app.push_screen(screen, lambda text: self._save(key, text) if text is not None else None)

    def _save(self, key: str, text: str) -> None:
        try:
            save_setting(key, _value_of(text, self._listed[key].value))
            self._changed = resolve()[0]
        except AssistantError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._list(key)

    def _list(self, highlighted: str = "") -> None:
        settings, origins = resolve()
        listed = [setting for setting in list_settings(settings, origins) if setting.key != "keys"]
        self._listed = {setting.key: setting for setting in listed}
        width = max(len(key) for key in self._listed)
        options = self.query_one(OptionList)
        options.clear_options()
        for setting in listed:
            value = one_line(_as_text(setting.value)) or "—"
            style = "$foreground 60%" if setting.origin == "default" else "$accent"
            options.add_option(Option(Content.assemble(f"{setting.key:<{width}}   ", (value, style)), id=setting.key))
        options.highlighted = list(self._listed).index(highlighted) if highlighted else 0

    def action_close(self) -> None:
        self.dismiss(self._changed)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value_of(text: str, now: object) -> str | float | bool:
    """What was typed, as a value of the kind that stands there now."""
    if isinstance(now, str):
        return text
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{text!r} is not a number, true or false") from None
    if not isinstance(value, int | float | bool):
        raise UsageError(f"{text!r} is not a number, true or false")
    return value
