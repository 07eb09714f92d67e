"""The messages and answers of a chat, newest at the bottom. The number of widgets is bounded, however long the chat."""

from collections.abc import Callable, Sequence

import msgspec
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from assistant.prompts import TASKS
from assistant.records import Ask, Dialogue
from assistant.terminal import printable
from assistant.tui.messages import ChatOpened, EarlierWanted, Entry
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.sent import QuestionView
from assistant.tui.widgets.transcript.source import SourceView
from assistant.tui.workers.asking import Request

MOUNTED_ENTRIES = 120
"""The most entries mounted at a time."""

Order = Callable[[int], Sequence[int]]


class EarlierLine(Static, can_focus=True):
    """A line in place of earlier messages; Enter or a click loads them."""

    BINDINGS = [("enter", "bring", "Earlier messages")]

    def __init__(self, before: str) -> None:
        super().__init__(Content("▲ earlier messages"), classes="earlier", markup=False)
        self._before = before

    def action_bring(self) -> None:
        self.post_message(EarlierWanted(self._before))

    def on_click(self) -> None:
        self.action_bring()


class Transcript(VerticalScroll, can_focus=False):
    """The entries of the current chat."""

    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        padding: 0 2 1 2;
        scrollbar-size-vertical: 1;
        .earlier { color: $foreground 70%; padding: 0 1; width: auto; &:focus { color: $accent; } }
        .note { color: $foreground 70%; margin: 1 0 0 2; }
    }
    """

    details: reactive[bool] = reactive(True)
    """Whether the answers show how they were made."""

    def on_mount(self) -> None:
        self.anchor()

    def watch_details(self) -> None:
        for answer in self.answers:
            answer.details = self.details

    async def add(self, entry: Widget) -> None:
        """Append an entry, and remove the oldest beyond the bound."""
        if isinstance(entry, AnswerView):
            entry.details = self.details
        await self.mount(entry)
        surplus = len(self.children) - MOUNTED_ENTRIES
        if surplus > 0:
            await self.remove_children(list(self.children)[:surplus])
        self.anchor()

    async def show(self, opened: ChatOpened, ask: Ask, order: Order) -> None:
        """Show a stored chat in place of the present one."""
        await self.clear()
        await self.mount_all(self._widgets(opened, ask, order))
        if opened.unfinished:
            text = f"{printable(opened.unfinished)}\n(the app ended while this was written)"
            await self.mount(Static(Content(text), classes="note", markup=False))
        self.anchor()

    async def add_earlier(self, opened: ChatOpened, ask: Ask, order: Order) -> None:
        """Add an earlier page at the top, and keep the scroll position. Removes the newest entries beyond the bound."""
        first = next((child for child in self.children if not isinstance(child, EarlierLine)), None)
        await self.query(EarlierLine).remove()
        self.anchor(False)
        await self.mount_all(self._widgets(opened, ask, order), before=0 if self.children else None)
        surplus = len(self.children) - MOUNTED_ENTRIES
        if surplus > 0:
            await self.remove_children(list(self.children)[-surplus:])
        if first is not None:
            self.call_after_refresh(lambda: self.scroll_to_widget(first, animate=False, top=True))

    async def clear(self) -> None:
        """Remove all entries."""
        await self.remove_children()

    @property
    def answers(self) -> list[AnswerView]:
        """All mounted answers, oldest first."""
        return list(self.query(AnswerView))

    def _widgets(self, opened: ChatOpened, ask: Ask, order: Order) -> list[Widget]:
        widgets: list[Widget] = [EarlierLine(opened.earlier)] if opened.earlier else []
        dialogue, question = Dialogue(turns=(), format=""), ""
        for entry in opened.entries:
            dialogue = entry.dialogue or dialogue
            question = entry.text if entry.is_question else question
            widgets.append(_widget(entry, dialogue, question, ask, order))
        for widget in widgets:
            if isinstance(widget, AnswerView):
                widget.details = self.details
        return widgets


def _widget(entry: Entry, dialogue: Dialogue, question: str, ask: Ask, order: Order) -> Widget:
    if entry.dialogue is not None:
        return SourceView(entry.dialogue, entry.text, entry.message)
    if entry.is_question:
        return QuestionView(entry.text, message=entry.message)
    if entry.answer is None:
        return Static(Content(printable(entry.text)), classes="note", markup=False)
    completion = entry.answer.completion
    asked = msgspec.structs.replace(ask, mode=completion.mode, settings=completion.settings)
    if completion.task == "digest":
        asked = msgspec.structs.replace(asked, task="digest", mode=ask.mode)
    if completion.task in TASKS:
        takes = TASKS[completion.task].takes_request
        asked = msgspec.structs.replace(asked, task=completion.task, request=question if takes else "")
    request = Request(number=0, dialogue=dialogue, ask=asked)
    if completion.passage_ids:
        request = Request(number=0, dialogue=Dialogue(turns=(), format=""), ask=asked, question=question)
    view = AnswerView(request, lambda: 0.0, "")
    view.message = entry.message
    view.finish(entry.answer, entry.order or order(len(entry.answer.drafts)), entry.digest)
    view.show_marks(entry.marks)
    view.placing = entry.placing
    if entry.placing is not None and entry.verdict:
        view.show_ranking(entry.placing)
    if entry.verdict:
        view.judge(entry.verdict)
    return view
