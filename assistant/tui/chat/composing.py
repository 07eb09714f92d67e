"""Send what the user typed: a command, a file, a conversation or a question."""

from functools import partial

from assistant.errors import InputUnreadable, UsageError
from assistant.prompts import load_shots
from assistant.records import MessageKind
from assistant.tui.chat.answers import Answers
from assistant.tui.chat.editing import Editing
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.preview import Preview
from assistant.tui.chat.requests import NO_DIALOGUE, Requests
from assistant.tui.commands import action_of, find_command
from assistant.tui.input.reading import describe, read_dialogue, read_named_file, write_dialogue
from assistant.tui.input.routing import LABELS, InView, Sending, ask_by, asked_about, plan
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.transcript.sent import QuestionView, SentView
from assistant.tui.widgets.transcript.source import SourceView


class Composing:
    """Sends the composer's text to the feature that handles it."""

    def __init__(
        self, parts: ChatParts, requests: Requests, preview: Preview, answers: Answers, editing: Editing
    ) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self._preview = preview
        self._answers = answers
        self._editing = editing

    async def submit(self, text: str) -> None:
        """Run a command, load a file, or send the text."""
        composer = self._parts.composer
        if text.startswith("/") and "\n" not in text:
            composer.remember(text)
            composer.clear()
            await self._run_command(text)
        elif text.startswith("@") and "\n" not in text:
            composer.remember(text)
            composer.load(read_named_file(text).strip("\n"))
        elif self._requests.is_free():
            typed = self._preview.input(text)
            sending = plan(typed)
            composer.remember(text)
            composer.clear()
            if self._editing.editing:
                self._editing.fork_chat(before=self._editing.editing, text=text)
            else:
                await self._send(text, sending, typed.in_view)

    async def _run_command(self, line: str) -> None:
        found = find_command(line)
        if found is None:
            raise UsageError(f"no command {line.split()[0]}; F1 lists them")
        await self._screen.run_action(action_of(*found))

    async def _send(self, text: str, sending: Sending, in_view: InView) -> None:
        self._preview.sent()
        if sending.route == "refine":
            await self._show_sent(QuestionView(text, LABELS["refine"]), "user")
            if (view := self._parts.chosen()) is not None:
                await self._answers.write_differently(text, view)
        elif sending.route == "documents":
            await self._ask_documents(text)
        elif sending.route != "conversation":
            dialogue = asked_about(sending, in_view) or NO_DIALOGUE
            await self._show_sent(QuestionView(text, LABELS[sending.route]), "user")
            await self._requests.request(dialogue, ask_by(sending.route, text, self._parts.ask))
        elif sending.dialogue is not None:
            await self._show_sent(SourceView(sending.dialogue, text), "conversation")
            await self._requests.request(sending.dialogue, self._parts.ask)

    async def ask_documents(self, question: str = "") -> None:
        """Ask the documents, whatever else the text could be."""
        if not question:
            self._screen.notify("Write a question after it, such as /ask How long is the notice period?")
        elif self._requests.is_free():
            await self._ask_documents(question)

    async def _ask_documents(self, question: str) -> None:
        await self._show_sent(QuestionView(question, LABELS["documents"]), "user")
        await self._requests.request(NO_DIALOGUE, self._parts.ask, question)

    async def _show_sent(self, view: SentView, kind: MessageKind) -> None:
        self._screen.add_class("-begun")
        self._parley.keeper.said(view.text, self._parts.ask, kind, partial(setattr, view, "message"))
        await self._parts.transcript.add(view)
        self._parts.follow()

    def turns(self) -> None:
        """Show how the text in the composer was read or, if it is empty, the current conversation."""
        text = self._parts.composer.whole_text
        source = self._parts.chosen_source()
        if text.strip():
            try:
                text = read_named_file(text) if text.startswith("@") else text
                dialogue = read_dialogue(text)
            except (InputUnreadable, UsageError) as error:
                self._screen.notify(str(error), severity="warning")
                return
        elif source is not None:
            dialogue = source.dialogue
        else:
            self._screen.notify("Paste a conversation first to see who says what.")
            return
        self._screen.app.push_screen(TextScreen("Turns", write_dialogue(dialogue), about=describe(dialogue)))

    def example(self) -> None:
        """Load an example conversation."""
        self._parts.composer.load(load_shots()[0].dialogue.strip())

    def unfold(self) -> None:
        """Put a folded paste into the editor."""
        self._parts.composer.unfold()
