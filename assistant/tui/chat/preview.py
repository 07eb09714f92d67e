"""While the user types: store the draft, count its tokens, and show what Enter will do."""

from textual.timer import Timer

from assistant.tui.chat.parts import ChatParts
from assistant.tui.commands import pressed_key
from assistant.tui.input.reading import describe
from assistant.tui.input.routing import LABELS, Input, InView, Route, Sending
from assistant.tui.messages import InputMeasured
from assistant.tui.widgets.keys import pressing
from assistant.tui.workers.asking import measure

MEASURE_SECONDS = 0.2
"""How long typing must pause before the tokens are counted."""


class Preview:
    """The composer's text before it is sent."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._serial = 0
        self._pause: Timer | None = None
        self._has_looked_for_draft = False
        self._routes: tuple[Route, ...] = ()
        self._sending: Sending | None = None
        self._chosen_route: Route | None = None

    def input(self, text: str) -> Input:
        """The text with what it may refer to, and the route that the user chose."""
        source = self._parts.chosen_source()
        in_view = InView(
            conversation=source.dialogue if source is not None else None,
            has_answer=self._parts.chosen() is not None,
            has_documents=self._parley.document_files > 0,
        )
        return Input(text=text, in_view=in_view, chosen=self._chosen_route)

    def sent(self) -> None:
        """Forget the route chosen for the text that was sent."""
        self._chosen_route = None

    def changed(self) -> None:
        """Count the tokens of the text once typing pauses."""
        self._serial += 1
        if self._pause is not None:
            self._pause.stop()
        self._pause = self._screen.set_timer(MEASURE_SECONDS, self._start_measuring)

    def _start_measuring(self) -> None:
        text, serial = self._parts.composer.whole_text, self._serial
        self.keep_typed()
        if not text.strip() or text.startswith(("/", "@")):
            self.show_measured(InputMeasured(serial, None, ()))
        else:
            assistant = self._parley.assistant if self._parley.model.state == "ready" else None
            typed, ask, post = self.input(text), self._parts.ask, self._screen.post_message
            self._parley.in_background(lambda: measure(assistant, serial, typed, ask, post), "measure")

    def show_measured(self, news: InputMeasured) -> None:
        """Show the tokens and what Enter will do, unless the text has changed since."""
        if news.serial != self._serial:
            return
        self._parts.counted = news.prompts
        self._parts.controls.show_tokens(news.prompts)
        self._sending = news.sending
        self._routes = news.sending.routes if news.sending else ()
        self.show_route()

    def show_route(self) -> None:
        """Show what Enter will do, on the composer's border."""
        route = self._describe_route(self._sending) if self._sending is not None else ""
        key = pressed_key("route", self._parley.settings.keys)
        self._parts.composer.border_subtitle = pressing(key, route)

    def _describe_route(self, sending: Sending) -> str:
        """What Enter will do, and the key that changes it if there is a choice."""
        what = LABELS[sending.route]
        changes = " · F7 changes" if len(sending.routes) > 1 else ""
        if sending.route == "conversation" and sending.dialogue is not None:
            task = self._parts.ask.task
            what = f"{task} · {describe(sending.dialogue)}"
            if len(f"Enter → {what}{changes}") > self._screen.size.width - len("╭─  ─╮"):
                what = task
        return f"Enter → {what}{changes}"

    def route(self) -> None:
        """Switch to the next possible route of the composer's text."""
        if len(self._routes) > 1:
            self._chosen_route = self._routes[1]
            self._routes = (*self._routes[1:], self._routes[0])
            self._start_measuring()

    def keep_typed(self) -> None:
        """Store the text. An empty text is stored only after the last session's draft has been read."""
        text = self._parts.composer.whole_text
        if text or self._has_looked_for_draft:
            self._parley.keeper.typed(text)

    def take_draft(self, text: str) -> None:
        """Restore the last session's draft, unless the user has typed something since."""
        self._has_looked_for_draft = True
        if self._parts.composer.whole_text:
            self.keep_typed()  # typed before the store was open
        elif text:
            self._parts.composer.load(text)
