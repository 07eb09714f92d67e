"""What the files of the conversation screen share: its widgets, and what is chosen and focused."""

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from assistant.records import Ask, Dialogue, Prompt
from assistant.tui.digests.beside import ConversationPane
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.chat_list import ChatList
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.controls import ControlLine
from assistant.tui.widgets.download import DownloadLine
from assistant.tui.widgets.entry import EntryView
from assistant.tui.widgets.foot import FootLine
from assistant.tui.widgets.panel import SettingsPanel
from assistant.tui.widgets.source import SourceView
from assistant.tui.widgets.title import TitleLine
from assistant.tui.widgets.transcript import Transcript
from assistant.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from assistant.tui.app import AssistantApp


class ConversationParts(Screen[None]):
    """The widgets of one chat. `ask` is how the next answer is asked for, `default_ask` how it is in a new chat, `chat`
    the id of the chat in view.
    """

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self.ask = self.default_ask = ask
        self.chat = ""
        self.counted: tuple[Prompt, ...] = ()
        self.composer = Composer()
        self.transcript = Transcript()
        self.controls = ControlLine()
        self.title_line = TitleLine()
        self.chats = ChatList()
        self.panel = SettingsPanel(ask)
        self.beside = ConversationPane()
        self.welcome = Welcome()
        self.hint = Static(classes="teaching", markup=False)
        self.download = DownloadLine()
        self.foot = FootLine()

    def compose(self) -> ComposeResult:
        yield self.chats
        yield self.panel
        yield self.title_line
        yield self.welcome
        yield self.transcript
        yield self.hint
        yield self.download
        yield self.composer
        yield self.beside
        yield self.controls
        yield self.foot

    @property
    def parley(self) -> "AssistantApp":
        """The app, by its own type."""
        return cast("AssistantApp", self.app)

    async def request(self, dialogue: Dialogue, ask: Ask, question: str = "") -> None:
        """Ask for an answer, or put a question to the documents; the conversation screen knows how."""
        raise NotImplementedError

    def is_free(self) -> bool:
        """Whether nothing is being written; says so where something is."""
        raise NotImplementedError

    def show_loop(self) -> None:
        """What was judged has changed: count it anew for the foot of the screen."""
        raise NotImplementedError

    async def action_new_chat(self) -> None:
        """Begin an empty chat."""
        raise NotImplementedError

    def show_ask(self) -> None:
        """How the next answer is asked for has changed: show it and count anew."""
        raise NotImplementedError

    def selected(self) -> EntryView | None:
        """The entry that is framed, whose keys count."""
        around = self.focused.ancestors_with_self if self.focused is not None else ()
        return next((node for node in around if isinstance(node, EntryView)), None)

    def chosen(self) -> AnswerView | None:
        """The selected answer, else the newest complete one."""
        complete = [view for view in self.transcript.answers if view.answer is not None]
        selected = [view for view in complete if view is self.selected()]
        return next(reversed(selected or complete), None)

    def chosen_source(self) -> SourceView | None:
        """The selected conversation, else the newest."""
        sources = list(self.transcript.query(SourceView))
        selected = [view for view in sources if view is self.selected()]
        return next(reversed(selected or sources), None)

    def on_descendant_focus(self) -> None:
        if self.focused is None or self.beside not in self.focused.ancestors:
            self.follow()

    def follow(self) -> None:
        """Beside the answers stands the conversation that the selected one is about."""
        if self.beside.is_open:
            dialogue = self.dialogue_in_view()
            if dialogue is None:
                self.beside.close()
            else:
                self.beside.open(dialogue)

    def dialogue_in_view(self) -> Dialogue | None:
        """The conversation that the selected answer is about, else the selected or the newest one."""
        selected = self.selected()
        if isinstance(selected, AnswerView) and selected.request.dialogue.turns:
            return selected.request.dialogue
        source = self.chosen_source()
        return source.dialogue if source is not None and source.dialogue.turns else None
