"""The settings: each with its label, value, origin and meaning. Changes go to the user's file, which keeps its
comments.
"""

import contextlib
import json
from typing import Any

import msgspec
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.errors import AssistantError, UsageError
from assistant.locations import settings_file
from assistant.settings import Setting, Settings, describe_values, list_settings, resolve, save_setting
from assistant.terminal import one_line
from assistant.tui.choices import Offer
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine
from assistant.tui.wording.labels import LABELS, value_in_words
from assistant.tui.wording.manual import allowed_values, explanations


class SettingsScreen(DialogScreen[Settings | None]):
    """Returns the settings in force after a change, None if nothing was changed."""

    BINDINGS = [("escape,f2", "close", "Close")]

    def __init__(self) -> None:
        super().__init__()
        self._changed: Settings | None = None
        self._listed: dict[str, Setting] = {}

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide"):
            yield Static(Content("Settings"), classes="heading")
            yield ChoiceList(compact=True)
            yield KeyLine()

    def on_mount(self) -> None:
        self._list()
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        key = event.option.id or ""
        origin = self._listed[key].origin
        about = explanations().get(key, "")
        where = f"{key} · from: {origin} · changes go to {settings_file()}"
        self.query_one(KeyLine).show(("enter", "change"), ("escape", "close"), about=f"{about}\n{where}")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        key = event.option.id or ""
        now = _as_text(self._listed[key].value)
        values = allowed_values().get(key)
        offers = [Offer(value=_as_text(value), label=value_in_words(key, value)) for value in values or ()]
        title = f"{LABELS[key].name}\n{explanations().get(key, '')}"
        screen = PickScreen(title, offers, now, free="" if values else f"now: {now or 'empty'}")
        self.app.push_screen(screen, lambda text: self._save(key, text) if text is not None else None)

    def _save(self, key: str, text: str) -> None:
        try:
            save_setting(key, _value_of(key, text, self._listed[key].value))
            self._changed = resolve()[0]
        except AssistantError as error:
            self.notify(str(error).replace(key, LABELS[key].name, 1), severity="error", markup=False)
            return
        self._list(key)

    def _list(self, highlighted: str = "") -> None:
        settings, origins = resolve()
        listed = [setting for setting in list_settings(settings, origins) if setting.key != "keys"]
        self._listed = {setting.key: setting for setting in listed}
        width = max(len(LABELS[key].name) for key in self._listed)
        options = self.query_one(OptionList)
        options.clear_options()
        for setting in listed:
            label, value = LABELS[setting.key].name, one_line(value_in_words(setting.key, setting.value))
            is_default = setting.origin == "default"
            style, sign = ("$foreground 70%", "") if is_default else ("$accent", " *")
            options.add_option(Option(Content.assemble(f"{label:<{width}}   ", (value + sign, style)), id=setting.key))
        options.highlighted = list(self._listed).index(highlighted) if highlighted else 0

    def action_close(self) -> None:
        self.dismiss(self._changed)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value_of(key: str, text: str, now: object) -> str | float | bool:
    """The typed text as a value of the present value's type. Raises UsageError for another type."""
    if isinstance(now, str):
        return text
    with contextlib.suppress(ValueError, RecursionError):
        value = msgspec.json.decode(text)
        if isinstance(value, int | float | bool):
            return value
    raise UsageError(f"{key} takes {describe_values(key)}, not {text!r}")
