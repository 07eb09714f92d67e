"""Choosing how the next answer is asked for: by pickers, by the panel, by slash commands; the model too. The
conversation screen brings these along.
"""

import re
from pathlib import Path

from assistant.errors import AssistantError, ModelMissing
from assistant.models.downloads import Download, describe, remember, remembered, suggested
from assistant.records import Ask, ModelVersion
from assistant.terminal import one_line
from assistant.tui.choices import CHOICES, Offer, choose_value
from assistant.tui.messages import ChoiceOpened, ChoiceReset, ModelOffered
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.pick import PickScreen

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
"""owner/name, which is no path: those begin with a dot, a slash or ~."""


class Choosing(ConversationParts):
    """A chat may differ from what the settings say, and keeps that."""

    def action_choose(self, name: str, value: str = "") -> None:
        """Open a choice, or take the value given."""
        if value:
            self._choose(name, value)
            return
        if name == "model":
            current = self.parley.model.ref
            screen = PickScreen("Which model answers", self._models(), current, free="a Hub id, a path or a version")
        else:
            choice = CHOICES[name]
            screen = PickScreen(choice.title, choice.offers, choice.current(self.ask), free=choice.free)
        self.app.push_screen(screen, lambda chosen: self._choose(name, chosen) if chosen else None)

    def on_choice_opened(self, event: ChoiceOpened) -> None:
        self.action_choose(event.name)

    def on_choice_reset(self, event: ChoiceReset) -> None:
        self._choose(event.name, CHOICES[event.name].current(self.default_ask))

    def _choose(self, name: str, value: str) -> None:
        if name == "model":
            if self.is_free():
                self._choose_model(value)
            return
        with self.parley.reporting():
            self.ask = choose_value(self.ask, name, value)
            self.parley.keeper.chose(self.ask)
        self.show_ask()

    def _choose_model(self, ref: str) -> None:
        """Serve it, or offer to download one that is not here; what answers goes on answering meanwhile."""
        from assistant.models.registry import resolve

        try:
            resolve(ref, self.parley.settings)
        except ModelMissing:
            if _HUB_ID.fullmatch(ref):
                self.action_pull(ref)
                return
        except AssistantError:
            pass  # loading says what is wrong with it
        self.parley.load_model(ref)

    def action_take_defaults(self) -> None:
        """Everything in this chat as the settings say."""
        self.ask = self.default_ask
        self.parley.keeper.chose(self.ask)
        self.show_ask()

    def use_default(self, ask: Ask) -> None:
        """How chats are asked from now on, this one included."""
        self.default_ask = self.ask = ask
        self.show_ask()

    def action_panel(self) -> None:
        """Show or hide the panel."""
        self.beside.close()
        self.panel.toggle()
        if not self.panel.is_open:
            self.composer.editor.focus()

    def _models(self) -> list[Offer]:
        """What is on this machine, and what would be used if it were."""
        from assistant.models.registry import list_models, promoted_ref

        offers = [Offer(value=model.ref, label=model.ref, about=_about(model)) for model in list_models()]
        base = self.parley.settings.model.base
        if base not in [offer.value for offer in offers]:
            offers.append(Offer(value=base, label=base, about="not downloaded yet: /pull downloads it"))
        if promoted := promoted_ref():
            offers.insert(0, Offer(value="current", label="current", about=f"the promoted one, {promoted}"))
        return offers

    def on_model_offered(self, event: ModelOffered) -> None:
        """Ask about the model that was taken; a "Not now" counts for good."""
        self.set_focus(self.composer.editor)
        if event.ref:
            self.action_pull(event.ref)
        else:
            remember(is_declined=True)

    def action_pull(self, ref: str = "") -> None:
        """Download a model, the base unless another is named, once the user has said yes; or stop the download."""
        if self.parley.pulling.ref:
            self._ask_to_stop(self.parley.pulling.ref)
            return
        wanted = ref or self.parley.settings.model.base
        self._offer_download(wanted, suggested(wanted))

    def _offer_download(self, ref: str, facts: Download | None) -> None:
        """Ask whether to; the Hub is asked for facts that are not known only once the user wants that."""
        offers = [
            Offer(value="", label="Not now"),
            Offer(value="pull", label="Download it", about="from huggingface.co; Esc stops it"),
            *([] if facts else [Offer(value="facts", label="Ask how large it is", about="asks huggingface.co")]),
            Offer(value="folder", label="Use a folder", about="that holds the model already"),
        ]
        about = describe(facts, remembered().pace) if facts else "size and licence: only huggingface.co knows"

        def take(chosen: str | None) -> None:
            if chosen == "pull":
                self.parley.pull_model(ref)
            elif chosen == "facts":
                self.parley.in_background(lambda: self._ask_hub(ref), "facts")
            elif chosen == "folder":
                self._ask_for_folder(ref)

        self.app.push_screen(PickScreen(f"Download {one_line(ref)}?\n{about}", offers), take)

    def _ask_hub(self, ref: str) -> None:
        """In a thread: what the Hub says of it, as a question again."""
        from assistant.models.pull import look_up

        facts = look_up(ref)
        self.app.call_from_thread(self._offer_download, ref, facts)

    def _ask_for_folder(self, ref: str) -> None:
        screen = PickScreen(f"Which folder holds {one_line(ref)}?", [], free="a path, such as ~/models/flan-t5-base")
        self.app.push_screen(
            screen, lambda path: self.parley.load_model(str(Path(path).expanduser().absolute())) if path else None
        )

    def _ask_to_stop(self, ref: str) -> None:
        offers = [
            Offer(value="", label="Go on"),
            Offer(value="stop", label="Stop", about="/pull continues the download later"),
        ]
        screen = PickScreen(f"{ref} is being downloaded", offers)
        self.app.push_screen(screen, lambda chosen: self.parley.pulling.stop() if chosen else None)


def _about(model: ModelVersion) -> str:
    size = f"{model.parameters / 1e6:,.0f} M parameters" if model.parameters else ""
    return " · ".join(fact for fact in (model.kind, size, f"reads {model.window:,} tokens") if fact)
