"""The conversation screen: what was pasted, what was answered, and where the next one is written. Knows the flow of one
chat; asking, keeping and counting are `assistant.conversation`'s.
"""

import time

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Footer, Static

from assistant.errors import Interrupted, UsageError
from assistant.prompts import load_shots
from assistant.records import Answer, Ask, Dialogue, ModelVersion
from assistant.terminal import printable
from assistant.tui.asking import Request, ask, ask_of, measure
from assistant.tui.choices import CHOICES, Offer, choose_value
from assistant.tui.commands import action_of, find_command
from assistant.tui.messages import (
    AnswerFinished,
    AnswerGrew,
    ChatBegun,
    ChatChosen,
    ChatDeleted,
    ChatDeletionAsked,
    ChatOpened,
    ChatSearched,
    ChatsFound,
    ChoiceOpened,
    ComposerSubmitted,
    DraftFound,
    EarlierWanted,
    InputMeasured,
    ModelChanged,
    RequestProgressed,
)
from assistant.tui.reading import read_dialogue, read_named_file
from assistant.tui.screens.answer_actions import AnswerActions
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.chat_list import ChatList
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.controls import ControlLine
from assistant.tui.widgets.source import SourceView, describe
from assistant.tui.widgets.title import TitleLine
from assistant.tui.widgets.transcript import Transcript

WELCOME = """\
Parley summarizes conversations on this machine. Nothing leaves it.

Paste a conversation below and press Enter; /example brings one to try.
With /drafts 4 it writes four answers: rank them with r, and models learn from that."""

MEASURE_SECONDS = 0.2
"""How long typing must pause before the tokens are counted."""
KEEP_SECONDS = 0.5
"""How much of a streamed answer a crash may lose."""
TITLE_CHARACTERS = 60


class ChatScreen(AnswerActions):
    """One chat."""

    BINDINGS = [
        Binding("escape", "cancel", "Cancel", id="cancel", show=False),
        Binding("f3", "choose('mode')", "Mode", id="mode"),
        Binding("f5", "choose('task')", "Task", id="task"),
        # Priority: the editor has a use of its own for F6.
        Binding("f6", "choose('model')", "Model", id="model", priority=True),
        Binding("ctrl+n", "new_chat", "New", id="new", priority=True),
        Binding("ctrl+r", "resume", "Chats", id="resume", priority=True),
    ]

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self.ask = ask
        self._composer = Composer()
        self._transcript = Transcript()
        self._controls = ControlLine()
        self._title = TitleLine()
        self._chats = ChatList()
        self._writing: AnswerView | None = None
        self._requests = 0
        self._inputs = 0
        self._pause: Timer | None = None
        self._kept_at = 0.0
        self._chat = ""
        self._has_looked_for_draft = False

    def compose(self) -> ComposeResult:
        yield self._chats
        yield self._title
        yield Static(WELCOME, id="welcome", markup=False)
        yield self._transcript
        yield self._composer
        yield self._controls
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._controls.show_ask(self.ask)
        self.show_model(self.parley.model)
        self._composer.editor.focus()

    # What the model does.

    def show_model(self, news: ModelChanged) -> None:
        """The model is loading, ready or missing; a request that waited for it goes ahead or is given up."""
        self._title.model = news.label
        self._title.set_class(news.state == "failed", "-failed")
        waiting = self._writing
        if news.state == "ready":
            self.query_one("#welcome", Static).update(Content(f"{WELCOME}\n\n{printable(news.detail)}"))
            self.on_composer_changed()
            if waiting is not None and waiting.answer is None:
                self._begin(waiting)
        elif news.state == "failed" and waiting is not None:
            self.give_up(Interrupted("no model is loaded"))

    def use_default(self, ask: Ask) -> None:
        """How chats are asked from now on, this one included."""
        self.ask = ask
        self._controls.show_ask(ask)
        self.on_composer_changed()

    # Sending.

    async def on_composer_submitted(self, event: ComposerSubmitted) -> None:
        with self.parley.reporting():
            await self._submit(event.text.strip())

    async def _submit(self, text: str) -> None:
        if text.startswith("/") and "\n" not in text:
            self._composer.remember(text)
            self._composer.clear()
            await self._run_command(text)
        elif text.startswith("@") and "\n" not in text:
            self._composer.remember(text)
            self._composer.load(read_named_file(text).strip("\n"))
        elif self.is_free():
            dialogue = read_dialogue(text)
            self._composer.remember(text)
            self._composer.clear()
            self.parley.keeper.said(text, self.ask)
            await self._transcript.add(SourceView(dialogue))
            await self.request(dialogue, self.ask)

    async def _run_command(self, line: str) -> None:
        found = find_command(line)
        if found is None:
            raise UsageError(f"no command {line.split()[0]}; F1 lists them")
        await self.run_action(action_of(*found))

    def is_free(self) -> bool:
        if self._writing is not None:
            self.notify("An answer is being written: wait for it, or press Esc.", severity="warning")
        return self._writing is None

    async def request(self, dialogue: Dialogue, ask: Ask) -> None:
        self.add_class("-begun")
        self._requests += 1
        request = Request(number=self._requests, dialogue=dialogue, ask=ask)
        view = AnswerView(request, self.parley.clock, "waiting for the model")
        self._writing = view
        await self._transcript.add(view)
        if self.parley.model.state == "ready":
            self._begin(view)
        elif self.parley.model.state == "failed":
            self.give_up(Interrupted("no model is loaded: choose one with F6"))

    def _begin(self, view: AnswerView) -> None:
        view.begin("reading")
        assistant = self.parley.assistant
        assert assistant is not None  # the model is ready, so there is one
        self.parley.in_background(lambda: ask(assistant, view.request, self.post_message), "ask")

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
            view.finish(event.answer, self.parley.order(len(event.answer.drafts)))
            self._writing = None
            title = _title_of(event.answer)
            if self._title.chat == TitleLine.UNTITLED:
                self._title.chat = title
            self.parley.keeper.answered(event.answer, title)

    def give_up(self, error: BaseException) -> None:
        """The running request came to nothing."""
        if self._writing is not None:
            self._writing.fail("cancelled" if isinstance(error, Interrupted) and not str(error) else str(error))
            self._writing = None

    # Counting.

    def on_composer_changed(self) -> None:
        self._inputs += 1
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(MEASURE_SECONDS, self._start_measuring)

    def _start_measuring(self) -> None:
        text, serial = self._composer.whole_text, self._inputs
        if self._has_looked_for_draft:
            self.parley.keeper.typed(text)
        if not text.strip() or text.startswith(("/", "@")):
            self.on_input_measured(InputMeasured(serial, None, ()))
        elif self.parley.model.state == "ready" and (assistant := self.parley.assistant) is not None:
            self.parley.in_background(lambda: measure(assistant, serial, text, self.ask, self.post_message), "measure")

    def on_input_measured(self, event: InputMeasured) -> None:
        if event.serial != self._inputs:
            return
        self.counted = event.prompts
        self._controls.show_tokens(event.prompts)
        route = f"Enter: {self.ask.task} · {describe(event.dialogue)}" if event.dialogue else ""
        self._composer.border_subtitle = route.replace("[", r"\[")

    # Kept chats.

    def on_draft_found(self, event: DraftFound) -> None:
        self._has_looked_for_draft = True
        if event.text and not self._composer.whole_text:
            self._composer.load(event.text)

    def on_chat_searched(self, event: ChatSearched) -> None:
        self.parley.find_chats(event.words)

    def on_chats_found(self, event: ChatsFound) -> None:
        self._chats.show(event.chats, self._chat)

    def on_chat_chosen(self, event: ChatChosen) -> None:
        if self.is_free():
            self.parley.open_chat(event.id)
            self._composer.editor.focus()

    def on_earlier_wanted(self, event: EarlierWanted) -> None:
        self.parley.open_chat(self._chat, event.before)

    async def on_chat_opened(self, event: ChatOpened) -> None:
        if event.is_page:
            await self._transcript.add_earlier(event, self.ask, self.parley.order)
            return
        self._chat = event.chat.id
        self.parley.keeper.resume(event.chat.id)
        self.ask = ask_of(event.chat, self.ask)
        self._controls.show_ask(self.ask)
        self._title.chat = event.chat.title or TitleLine.UNTITLED
        self.add_class("-begun")
        await self._transcript.show(event, self.ask, self.parley.order)

    # Actions.

    def action_cancel(self) -> None:
        if self._writing is None:
            self._composer.editor.focus()
        elif (assistant := self.parley.assistant) is not None and self.parley.model.state == "ready":
            self.parley.in_background(assistant.cancel, "cancel")
        else:
            self.give_up(Interrupted("cancelled"))

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
            screen = PickScreen(choice.title, choice.offers, choice.current(self.ask))
        self.app.push_screen(screen, lambda chosen: self._choose(name, chosen) if chosen else None)

    def on_choice_opened(self, event: ChoiceOpened) -> None:
        self.action_choose(event.name)

    def _models(self) -> list[Offer]:
        """What is on this machine, and what would be used if it were."""
        from assistant.models.registry import list_models, promoted_ref

        offers = [Offer(value=model.ref, label=model.ref, about=_about(model)) for model in list_models()]
        base = self.parley.settings.model.base
        if base not in [offer.value for offer in offers]:
            offers.append(Offer(value=base, label=base, about=f"not here yet: assistant models pull {base}"))
        if promoted := promoted_ref():
            offers.insert(0, Offer(value="current", label="current", about=f"the promoted one, {promoted}"))
        return offers

    def _choose(self, name: str, value: str) -> None:
        if name == "model":
            if self.is_free():
                self.parley.load_model(value)
            return
        with self.parley.reporting():
            self.ask = choose_value(self.ask, name, value)
        self._controls.show_ask(self.ask)
        self.on_composer_changed()

    async def action_new_chat(self) -> None:
        if self.is_free():
            self.parley.keeper.begin()
            self._chat = ""
            await self._transcript.clear()
            self._title.chat = TitleLine.UNTITLED
            self.remove_class("-begun")
            self._composer.editor.focus()

    def action_focus_composer(self) -> None:
        self._composer.editor.focus()

    def action_resume(self) -> None:
        self._chats.open()

    def action_example(self) -> None:
        """A conversation to try it with."""
        self._composer.load(load_shots()[0].dialogue.strip())

    def action_export(self, kind: str = "md") -> None:
        """Write the chat to a file in the folder that the app was started in."""
        with self.parley.reporting():
            if kind not in ("md", "json"):
                raise UsageError(f"no format {kind!r} for a chat; there are md and json")
            self.parley.export_chat("json" if kind == "json" else "md")

    def on_chat_deletion_asked(self, event: ChatDeletionAsked) -> None:
        offers = [Offer(value="", label="Keep it"), Offer(value="delete", label="Delete it", about="ratings included")]
        about = "Delete this chat everywhere?"
        self.app.push_screen(PickScreen(about, offers), lambda chosen: self._delete(event.id) if chosen else None)

    def on_chat_begun(self, event: ChatBegun) -> None:
        self._chat = event.id

    async def on_chat_deleted(self, event: ChatDeleted) -> None:
        self.notify(event.sentence, markup=False)
        self.post_message(ChatSearched(""))
        if event.id == self._chat:
            await self.action_new_chat()

    def _delete(self, id: str) -> None:
        if id != self._chat or self.is_free():
            self.parley.delete_chat(id)

    def action_unfold(self) -> None:
        self._composer.unfold()


def _about(model: ModelVersion) -> str:
    size = f"{model.parameters / 1e6:,.0f} M parameters" if model.parameters else ""
    return " · ".join(fact for fact in (model.kind, size, f"reads {model.window:,} tokens") if fact)


def _title_of(answer: Answer) -> str:
    words = answer.completion.answer.split()
    title = " ".join(words)
    return title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
