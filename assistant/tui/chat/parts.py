"""The widgets of the conversation screen, what is selected in it, and the settings of the next answer."""

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from assistant.records import Ask, Dialogue, Prompt
from assistant.tui.digests.beside import ConversationPane
from assistant.tui.digests.listing import DigestList
from assistant.tui.parley import Parley
from assistant.tui.widgets.chat_list import ChatList
from assistant.tui.widgets.composer import Composer
from assistant.tui.widgets.controls import ControlLine
from assistant.tui.widgets.download import DownloadLine
from assistant.tui.widgets.foot import FootLine
from assistant.tui.widgets.panel import SettingsPanel
from assistant.tui.widgets.title import TitleLine
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.entry import EntryView
from assistant.tui.widgets.transcript.source import SourceView
from assistant.tui.widgets.transcript.transcript import Transcript
from assistant.tui.widgets.transcript.welcome import Welcome


class ChatParts:
    """State that the features of the conversation screen share.

    `screen` shows the widgets. `ask` holds the settings of the next answer, `default_ask` those of a new chat. `chat`
    is the id of the current chat, "" before its first message.
    """

    def __init__(self, screen: Screen[None], parley: Parley, ask: Ask) -> None:
        self.screen = screen
        self.parley = parley
        self.ask = self.default_ask = ask
        self.chat = ""
        self.counted: tuple[Prompt, ...] = ()
        """The prompts that the composer's text would give."""
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
        """The widgets, in the order of the screen."""
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

    def selected(self) -> EntryView | None:
        """The entry that has the focus."""
        focused = self.screen.focused
        around = focused.ancestors_with_self if focused is not None else ()
        return next((node for node in around if isinstance(node, EntryView)), None)

    def chosen(self) -> AnswerView | None:
        """The selected answer, or the newest complete one."""
        complete = [view for view in self.transcript.answers if view.answer is not None]
        selected = [view for view in complete if view is self.selected()]
        return next(reversed(selected or complete), None)

    def chosen_source(self) -> SourceView | None:
        """The selected conversation, or the newest one."""
        sources = list(self.transcript.query(SourceView))
        selected = [view for view in sources if view is self.selected()]
        return next(reversed(selected or sources), None)

    def chosen_digest(self) -> DigestList | None:
        """The list of a digest's parts, if it has the focus."""
        focused = self.screen.focused
        return focused if isinstance(focused, DigestList) else None

    def dialogue_in_view(self) -> Dialogue | None:
        """The conversation of the selected answer, or the selected or newest conversation."""
        selected = self.selected()
        if isinstance(selected, AnswerView) and selected.request.dialogue.turns:
            return selected.request.dialogue
        source = self.chosen_source()
        return source.dialogue if source is not None and source.dialogue.turns else None

    def follow(self) -> None:
        """Show the conversation of the selected answer in the pane, if that is open."""
        if self.beside.is_open:
            dialogue = self.dialogue_in_view()
            if dialogue is None:
                self.beside.close()
            else:
                self.beside.open(dialogue)

    def focus_composer(self) -> None:
        """Focus the composer. This happens immediately, since the user may already be typing."""
        self.screen.set_focus(self.composer.editor)

    def name_chat(self, title: str) -> None:
        """Show a title for an untitled chat."""
        if self.title_line.chat == TitleLine.UNTITLED:
            self.title_line.chat = title
