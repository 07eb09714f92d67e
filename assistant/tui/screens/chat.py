"""The conversation screen: what was pasted, what was answered, and where the next one is written."""

import time
from functools import partial

from textual.content import Content
from textual.events import Paste
from textual.timer import Timer
from textual.widgets import Input as InputField

from assistant.errors import InputUnreadable, Interrupted, UsageError
from assistant.prompts import load_shots
from assistant.records import Ask, Dialogue, MessageKind
from assistant.settings import ScreenSettings
from assistant.terminal import shortened
from assistant.tui.asking import Input, Request, Sending, ask, ask_by, asked_about, measure, plan
from assistant.tui.choices import changes, drawn
from assistant.tui.commands import action_of, bindings_of, command_named, find_command, key_of, pressed_key
from assistant.tui.digests.actions import DigestActions
from assistant.tui.messages import (
    AnswerFinished,
    AnswerGrew,
    ComposerSubmitted,
    DraftFound,
    InputMeasured,
    ModelChanged,
    RequestProgressed,
)
from assistant.tui.reading import describe, read_dialogue, read_named_file, write_dialogue
from assistant.tui.routing import LABELS, InView, Route
from assistant.tui.screens.answer_actions import AnswerActions
from assistant.tui.screens.choosing import Choosing
from assistant.tui.screens.document_questions import NO_DIALOGUE, DocumentQuestions
from assistant.tui.screens.judging import JudgingActions
from assistant.tui.screens.kept_chats import KeptChats
from assistant.tui.screens.text import TextScreen
from assistant.tui.teaching import next_hint
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.entry import EntryView
from assistant.tui.widgets.keys import pressing
from assistant.tui.widgets.sent import QuestionView, SentView
from assistant.tui.widgets.source import SourceView
from assistant.tui.widgets.title import TitleLine

MEASURE_SECONDS = 0.2
"""How long typing must pause before the tokens are counted."""
KEEP_SECONDS = 0.5
"""How much of a streamed answer a crash may lose."""


class ChatScreen(AnswerActions, DigestActions, JudgingActions, DocumentQuestions, KeptChats, Choosing):
    """One chat."""

    BINDINGS = bindings_of("chat")
    AUTO_FOCUS = "Editor"
    """What is typed before the first frame goes there; by default it is the search of the chat list, not shown yet."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._writing: AnswerView | None = None
        self._requests = 0
        self._inputs = 0
        self._pause: Timer | None = None
        self._kept_at = 0.0
        self._has_looked_for_draft = False
        self._routes: tuple[Route, ...] = ()
        self._sending: Sending | None = None
        self._chosen_route: Route | None = None

    def on_mount(self) -> None:
        self.use_settings(self.parley.settings.screen)
        self._show_choices()
        self.show_model(self.parley.model)
        self.composer.editor.focus()

    def use_settings(self, settings: ScreenSettings) -> None:
        """How it looks from now on."""
        self.transcript.details = settings.show_metadata

    # What the model does.

    def show_model(self, news: ModelChanged) -> None:
        """The model is loading, ready or missing; a request that waited for it goes ahead or is given up."""
        self.title_line.model = news.label
        self.title_line.set_class(news.state == "failed", "-failed")
        self.welcome.show_model(news)
        waiting = self._writing
        if news.state == "ready":
            self.on_composer_changed()
            if waiting is not None and waiting.answer is None:
                self._begin(waiting)
        elif news.state == "failed" and waiting is not None:
            self.give_up(Interrupted("no model is loaded"))

    def show_ask(self) -> None:
        self._show_choices()
        self.on_composer_changed()

    def _show_choices(self) -> None:
        self.controls.show_ask(self.ask)
        self.panel.show_ask(self.ask, self.default_ask)
        own = " · ".join(changes(self.ask, self.default_ask))
        key = key_of(command_named("defaults"), self.parley.settings.keys)
        self.title_line.changed = f"{key} resets: {own}" if own else ""

    # Sending.

    async def on_composer_submitted(self, event: ComposerSubmitted) -> None:
        with self.parley.reporting():
            await self._submit(event.text.strip())

    def on_paste(self, event: Paste) -> None:
        """What is pasted while an answer has the focus is meant for the composer."""
        if not self.composer.editor.has_focus:
            event.stop()
            self.composer.editor.focus()
            self.composer.editor.post_message(Paste(event.text))

    def take_letter(self, key: str) -> None:
        """Before a letter is handed on: it goes to the composer, unless the search takes it, or what is selected or
        open has it for a key, which it shows.
        """
        editor = self.composer.editor
        if self.focused is not editor and not isinstance(self.focused, InputField) and key not in self.active_bindings:
            self.set_focus(editor)

    async def _submit(self, text: str) -> None:
        if text.startswith("/") and "\n" not in text:
            self.composer.remember(text)
            self.composer.clear()
            await self._run_command(text)
        elif text.startswith("@") and "\n" not in text:
            self.composer.remember(text)
            self.composer.load(read_named_file(text).strip("\n"))
        elif self.is_free():
            typed = self._input(text)
            sending = plan(typed)
            self.composer.remember(text)
            self.composer.clear()
            if self.editing:
                self.parley.fork_chat(self.chat, before=self.editing, text=text)
            else:
                await self._send(text, sending, typed.in_view)

    async def _send(self, text: str, sending: Sending, in_view: InView) -> None:
        self._chosen_route = None
        if sending.route == "refine":
            await self._show_sent(QuestionView(text, LABELS["refine"]), "user")
            if (view := self.chosen()) is not None:
                await self.refine(text, view)
        elif sending.route == "documents":
            await self.ask_documents(text)
        elif sending.route != "conversation":
            dialogue = asked_about(sending, in_view) or NO_DIALOGUE
            await self._show_sent(QuestionView(text, LABELS[sending.route]), "user")
            await self.request(dialogue, ask_by(sending.route, text, self.ask))
        elif sending.dialogue is not None:
            await self._show_sent(SourceView(sending.dialogue, text), "conversation")
            await self.request(sending.dialogue, self.ask)

    async def ask_documents(self, question: str) -> None:
        """Put a question to the user's documents."""
        await self._show_sent(QuestionView(question, LABELS["documents"]), "user")
        await self.request(NO_DIALOGUE, self.ask, question)

    async def _show_sent(self, view: SentView, kind: MessageKind) -> None:
        self.add_class("-begun")
        self.parley.keeper.said(view.text, self.ask, kind, partial(setattr, view, "message"))
        await self.transcript.add(view)
        self.follow()

    def _input(self, text: str) -> Input:
        source = self.chosen_source()
        in_view = InView(
            conversation=source.dialogue if source is not None else None,
            has_answer=self.chosen() is not None,
            has_documents=self.parley.document_files > 0,
        )
        return Input(text=text, in_view=in_view, chosen=self._chosen_route)

    async def _run_command(self, line: str) -> None:
        found = find_command(line)
        if found is None:
            raise UsageError(f"no command {line.split()[0]}; F1 lists them")
        await self.run_action(action_of(*found))

    @property
    def is_writing(self) -> bool:
        """Whether an answer is being written."""
        return self._writing is not None

    def is_free(self) -> bool:
        if self._writing is not None:
            self.notify("An answer is being written: wait for it, or press Esc.", severity="warning")
        return self._writing is None

    async def request(self, dialogue: Dialogue, ask: Ask, question: str = "") -> None:
        self.add_class("-begun")
        self.hint.remove_class("-shown")
        self._requests += 1
        request = Request(number=self._requests, dialogue=dialogue, ask=drawn(ask), question=question)
        view = AnswerView(request, self.parley.clock, "waiting for the model")
        self._writing = view
        await self.transcript.add(view)
        if self.parley.model.state == "ready":
            self._begin(view)
        elif self.parley.model.state == "failed":
            self.give_up(Interrupted("no model is loaded: choose one with F6"))

    def _begin(self, view: AnswerView) -> None:
        request = view.request
        view.begin("looking into your documents" if request.question else "reading")
        assistant = self.parley.assistant
        assert assistant is not None  # the model is ready, so there is one
        work = partial(ask, assistant, request, self.post_message)
        if request.question:
            documents, mode = self.parley.documents, request.ask.mode
            asked = [v.request for v in self.transcript.query(AnswerView) if v.request.number < request.number]
            previous = next((one.question for one in reversed(asked) if one.question), "")
            work = partial(
                documents.ask, assistant, request.number, request.question, previous, mode, self.post_message
            )
        self.parley.in_background(work, "ask")

    # What comes back.

    def _view_of(self, number: int) -> AnswerView | None:
        view = self._writing
        return view if view is not None and view.request.number == number else None

    def on_answer_grew(self, event: AnswerGrew) -> None:
        if view := self._view_of(event.request):
            view.grow(event.text)
            if time.monotonic() - self._kept_at > KEEP_SECONDS:
                self._kept_at = time.monotonic()
                self.parley.keeper.grew(view.text)

    def on_request_progressed(self, event: RequestProgressed) -> None:
        if view := self._view_of(event.request):
            count = f" {event.done} of {event.total}" if event.total > 1 else ""
            view.advance(f"{event.stage}{count}")

    def on_answer_finished(self, event: AnswerFinished) -> None:
        if view := self._view_of(event.request):
            order = self.parley.order(len(event.answer.drafts))
            view.finish(event.answer, order, event.digest)
            self._writing = None
            title = event.title or shortened(event.answer.completion.answer)
            self._title(title)
            self._teach(view)
            self.parley.keeper.answered(event.answer, order, title, partial(setattr, view, "message"))

    def _teach(self, view: AnswerView) -> None:
        """One line that names a key for what can be done now, until the next thing is sent."""
        about = {"point": view.digest is not None, "rate": True, "ask": bool(view.request.dialogue.turns)}
        hint = next_hint([name for name, fits in about.items() if fits], self.parley.settings.keys)
        self.hint.update(Content(hint))
        self.hint.set_class(bool(hint), "-shown")

    def _title(self, title: str) -> None:
        if self.title_line.chat == TitleLine.UNTITLED:
            self.title_line.chat = title

    def came_to(self, view: AnswerView, text: str) -> None:
        """Keep what stands there instead of an answer; the chat is named after what was asked."""
        request = view.request
        said = request.dialogue.turns[0].text if request.dialogue.turns else ""
        title = shortened(request.question or request.ask.request or said)
        self._title(title)
        self.parley.keeper.told(text, title)

    def ended(self, view: AnswerView) -> None:
        if view is self._writing:
            self._writing = None

    def give_up(self, error: BaseException) -> None:
        """The running request came to nothing."""
        if self._writing is not None:
            sentence = "cancelled" if isinstance(error, Interrupted) and not str(error) else str(error)
            self._writing.fail(sentence)
            self.came_to(self._writing, f"{self._writing.text}\n{sentence}".strip())
            self._writing = None

    # Counting.

    def on_composer_changed(self) -> None:
        self._inputs += 1
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(MEASURE_SECONDS, self._start_measuring)

    def keep_typed(self) -> None:
        """Have what stands in the composer kept. An empty one says nothing before the last draft is found."""
        text = self.composer.whole_text
        if text or self._has_looked_for_draft:
            self.parley.keeper.typed(text)

    def _start_measuring(self) -> None:
        text, serial = self.composer.whole_text, self._inputs
        self.keep_typed()
        if not text.strip() or text.startswith(("/", "@")):
            self.on_input_measured(InputMeasured(serial, None, ()))
        else:
            assistant = self.parley.assistant if self.parley.model.state == "ready" else None
            typed = self._input(text)
            self.parley.in_background(lambda: measure(assistant, serial, typed, self.ask, self.post_message), "measure")

    def on_input_measured(self, event: InputMeasured) -> None:
        if event.serial != self._inputs:
            return
        self.counted = event.prompts
        self.controls.show_tokens(event.prompts)
        self._sending = event.sending
        self._routes = event.sending.routes if event.sending else ()
        self._show_route()

    def on_resize(self) -> None:
        self._show_route()

    def _show_route(self) -> None:
        route = self._describe_route(self._sending) if self._sending is not None else ""
        self.composer.border_subtitle = pressing(pressed_key("route", self.parley.settings.keys), route)

    def _describe_route(self, sending: Sending) -> str:
        """What Enter will do, and the key that changes it where there is a choice."""
        what = LABELS[sending.route]
        changes = " · F7 changes" if len(sending.routes) > 1 else ""
        if sending.route == "conversation" and sending.dialogue is not None:
            what = f"{self.ask.task} · {describe(sending.dialogue)}"
            if len(f"Enter → {what}{changes}") > self.size.width - len("╭─  ─╮"):
                what = self.ask.task
        return f"Enter → {what}{changes}"

    def action_route(self) -> None:
        """Take the text in the composer for the next thing that it could be."""
        if len(self._routes) > 1:
            self._chosen_route = self._routes[1]
            self._routes = (*self._routes[1:], self._routes[0])
            self._start_measuring()

    def on_draft_found(self, event: DraftFound) -> None:
        self._has_looked_for_draft = True
        if self.composer.whole_text:
            self.keep_typed()  # a fast typist was here before the store was open
        elif event.text:
            self.composer.load(event.text)

    # Actions.

    def action_cancel(self) -> None:
        if self._writing is None:
            if not self.editing and self.composer.editor.has_focus:
                if self.beside.is_open:
                    self.beside.close()
                else:
                    self.parley.pulling.stop()
            self.give_up_editing()
            self.action_focus_composer()
        elif (assistant := self.parley.assistant) is not None and self.parley.model.state == "ready":
            self.parley.in_background(assistant.cancel, "cancel")
        else:
            self.give_up(Interrupted("cancelled"))

    def action_select(self, step: int) -> None:
        """Select the entry before or after the one selected, or the newest where there is none; past the newest one
        writes again.
        """
        entries: list[EntryView | None] = [*self.transcript.query(EntryView), None]
        place = entries.index(self.selected()) + step
        self.set_focus(entries[max(place, 0)] or self.composer.editor)

    def action_focus_composer(self) -> None:
        """At once: what is typed next may be on its way already."""
        self.set_focus(self.composer.editor)

    def action_example(self) -> None:
        """A conversation to try it with."""
        self.composer.load(load_shots()[0].dialogue.strip())

    def action_show_turns(self) -> None:
        """How the text in the composer was read, or with an empty composer the conversation in view."""
        text = self.composer.whole_text
        source = self.chosen_source()
        if text.strip():
            try:
                text = read_named_file(text) if text.startswith("@") else text
                dialogue = read_dialogue(text)
            except (InputUnreadable, UsageError) as error:
                self.notify(str(error), severity="warning")
                return
        elif source is not None:
            dialogue = source.dialogue
        else:
            self.notify("Paste a conversation first to see who says what.")
            return
        self.app.push_screen(TextScreen("Turns", write_dialogue(dialogue), about=describe(dialogue)))

    def action_unfold(self) -> None:
        self.composer.unfold()
