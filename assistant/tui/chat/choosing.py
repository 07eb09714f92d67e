"""Choose the settings of the next answer, and the model that writes it."""

import re
from pathlib import Path

from assistant.errors import AssistantError, ModelMissing
from assistant.models.downloads import Download, describe, remember, remembered, suggested
from assistant.records import Ask, ModelVersion
from assistant.terminal import one_line
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.preview import Preview
from assistant.tui.chat.requests import Requests
from assistant.tui.choices import CHOICES, Offer, changes, choose_value
from assistant.tui.commands import command_named, key_of
from assistant.tui.screens.pick import PickScreen

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""owner/name. A path does not match: it begins with a dot, a slash or ~."""


class Choosing:
    """The choices of the current chat, which are stored with it. A new chat takes them from the settings."""

    def __init__(self, parts: ChatParts, requests: Requests, preview: Preview) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self._preview = preview

    def show_ask(self) -> None:
        """Show the settings of the next answer, and which of them differ from the defaults."""
        parts = self._parts
        parts.controls.show_ask(parts.ask)
        parts.panel.show_ask(parts.ask, parts.default_ask)
        own = " · ".join(changes(parts.ask, parts.default_ask))
        key = key_of(command_named("defaults"), self._parley.settings.keys)
        parts.title_line.changed = f"{key} resets: {own}" if own else ""

    def use_ask(self, ask: Ask) -> None:
        """Use these settings from now on, and count the tokens again."""
        self._parts.ask = ask
        self.show_ask()
        self._preview.changed()

    def choose(self, name: str, value: str = "") -> None:
        """Open the dialog of a choice, or use the given value."""
        if value:
            self._choose(name, value)
            return
        if name == "model":
            current = self._parley.model.ref
            screen = PickScreen("Which model answers", self._models(), current, free="a Hub id, a path or a version")
        else:
            choice = CHOICES[name]
            screen = PickScreen(choice.title, choice.offers, choice.current(self._parts.ask), free=choice.free)
        self._screen.app.push_screen(screen, lambda chosen: self._choose(name, chosen) if chosen else None)

    def reset(self, name: str) -> None:
        """Use the value from the settings file."""
        self._choose(name, CHOICES[name].current(self._parts.default_ask))

    def _choose(self, name: str, value: str) -> None:
        if name == "model":
            if self._requests.is_free():
                self._choose_model(value)
            return
        with self._parley.reporting():
            self._keep(choose_value(self._parts.ask, name, value))

    def _choose_model(self, ref: str) -> None:
        """Load a model, or offer to download a missing one. The present model answers until the new one is loaded."""
        from assistant.models.registry import resolve

        try:
            resolve(ref, self._parley.settings)
        except ModelMissing:
            if _HUB_ID.fullmatch(ref):
                self.pull(ref)
                return
        except AssistantError:
            pass  # loading reports the error
        self._parley.load_model(ref)

    def take_defaults(self) -> None:
        """Use the settings file's values in this chat."""
        self._keep(self._parts.default_ask)

    def _keep(self, ask: Ask) -> None:
        self._parley.keeper.chose(ask)
        self.use_ask(ask)

    def use_default(self, ask: Ask) -> None:
        """Use changed settings in this chat and in new ones."""
        self._parts.default_ask = ask
        self.use_ask(ask)

    def panel(self) -> None:
        """Show or hide the panel."""
        self._parts.beside.close()
        self._parts.panel.toggle()
        if not self._parts.panel.is_open:
            self._parts.composer.editor.focus()

    def _models(self) -> list[Offer]:
        """The models on this machine, and the base model even if it has yet to be downloaded."""
        from assistant.models.registry import list_models, promoted_ref

        offers = [Offer(value=model.ref, label=model.ref, about=_about(model)) for model in list_models()]
        base = self._parley.settings.model.base
        if base not in [offer.value for offer in offers]:
            offers.append(Offer(value=base, label=base, about="not downloaded yet: /pull downloads it"))
        if promoted := promoted_ref():
            offers.insert(0, Offer(value="current", label="current", about=f"the promoted one, {promoted}"))
        return offers

    def take_offer(self, ref: str) -> None:
        """Handle the choice on the card of models; "" means "Not now", which is remembered."""
        self._parts.focus_composer()
        if ref:
            self.pull(ref)
        else:
            remember(is_declined=True)

    def pull(self, ref: str = "") -> None:
        """Ask whether to download a model, by default the base model, or whether to stop the running download."""
        if self._parley.pulling.ref:
            self._ask_to_stop(self._parley.pulling.ref)
            return
        wanted = ref or self._parley.settings.model.base
        self._offer_download(wanted, suggested(wanted))

    def _offer_download(self, ref: str, facts: Download | None) -> None:
        """Ask whether to download a model. The Hub is asked for missing facts only if the user wants that."""
        offers = [
            Offer(value="", label="Not now"),
            Offer(value="pull", label="Download it", about="from huggingface.co; Esc stops it"),
            *([] if facts else [Offer(value="facts", label="Ask how large it is", about="asks huggingface.co")]),
            Offer(value="folder", label="Use a folder", about="that holds the model already"),
        ]
        about = describe(facts, remembered().pace) if facts else "size and licence: only huggingface.co knows"

        def take(chosen: str | None) -> None:
            if chosen == "pull":
                self._parley.in_background(lambda: self._parley.pulling.run(ref, self._parley.settings), "pull")
            elif chosen == "facts":
                self._parley.in_background(lambda: self._ask_hub(ref), "facts")
            elif chosen == "folder":
                self._ask_for_folder(ref)

        self._screen.app.push_screen(PickScreen(f"Download {one_line(ref)}?\n{about}", offers), take)

    def _ask_hub(self, ref: str) -> None:
        """Look the model up on the Hub, in a thread, and ask again with the facts."""
        from assistant.models.pull import look_up

        facts = look_up(ref)
        self._screen.app.call_from_thread(self._offer_download, ref, facts)

    def _ask_for_folder(self, ref: str) -> None:
        screen = PickScreen(f"Which folder holds {one_line(ref)}?", [], free="a path, such as ~/models/flan-t5-base")
        self._screen.app.push_screen(
            screen, lambda path: self._parley.load_model(str(Path(path).expanduser().absolute())) if path else None
        )

    def _ask_to_stop(self, ref: str) -> None:
        offers = [
            Offer(value="", label="Go on"),
            Offer(value="stop", label="Stop", about="/pull continues the download later"),
        ]
        screen = PickScreen(f"{ref} is being downloaded", offers)
        self._screen.app.push_screen(screen, lambda chosen: self._parley.pulling.stop() if chosen else None)


def _about(model: ModelVersion) -> str:
    size = f"{model.parameters / 1e6:,.0f} M parameters" if model.parameters else ""
    return " · ".join(fact for fact in (model.kind, size, f"reads {model.window:,} tokens") if fact)
