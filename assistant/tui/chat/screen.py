"""The conversation screen: the transcript and the composer."""

from inspect import isawaitable

from textual.app import ComposeResult
from textual.events import Paste
from textual.screen import Screen
from textual.widgets import Input as InputField

from assistant.errors import Interrupted
from assistant.records import Ask
from assistant.settings import ScreenSettings
from assistant.tui.chat.answers import Answers
from assistant.tui.chat.choosing import Choosing
from assistant.tui.chat.composing import Composing
from assistant.tui.chat.deleting import Deleting
from assistant.tui.chat.digests import Digests
from assistant.tui.chat.documents import DocumentAnswers
from assistant.tui.chat.editing import Editing
from assistant.tui.chat.finding import Finding
from assistant.tui.chat.judging import Judging
from assistant.tui.chat.kept import KeptChats
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.preview import Preview
from assistant.tui.chat.requests import Requests
from assistant.tui.chat.scores import DraftScores
from assistant.tui.commands import bindings_of
from assistant.tui.digests.listing import DigestList
from assistant.tui.messages import (
    AnswerFinished,
    AnswerGrew,
    ChatChosen,
    ChatDeletionAsked,
    ChatOpened,
    ChatPinAsked,
    ChatRenameAsked,
    ChatSearched,
    ChoiceOpened,
    ChoiceReset,
    ComposerSubmitted,
    DocumentsChanged,
    DocumentsMissed,
    EarlierWanted,
    InputMeasured,
    ModelChanged,
    ModelOffered,
    PassageOpened,
    RequestProgressed,
    SourceChosen,
    SourcesFound,
)
from assistant.tui.parley import Parley
from assistant.tui.screens.passage import PassageScreen
from assistant.tui.widgets.transcript.entry import EntryView


class ChatScreen(Screen[None]):
    """The screen of one chat. It passes its commands and messages to the features, which do the work."""

    BINDINGS = bindings_of("chat")
    AUTO_FOCUS = "Editor"
    """Keys typed before the first frame go here; the default would be the search field of the hidden chat list."""

    def __init__(self, parley: Parley, ask: Ask) -> None:
        super().__init__()
        self.parley = parley
        self.parts = parts = ChatParts(self, parley, ask)
        self.requests = Requests(parts)
        self.preview = Preview(parts)
        self.choosing = Choosing(parts, self.requests, self.preview)
        self.answers = Answers(parts, self.requests)
        self.digests = Digests(parts)
        self.documents = DocumentAnswers(parts, self.requests)
        self.scores = DraftScores(parts)
        self.judging = Judging(parts, self.scores)
        self.editing = Editing(parts, self.requests)
        self.kept = KeptChats(parts, self.requests, self.choosing, self.editing)
        self.finding = Finding(parts, self.requests, self.kept)
        self.deleting = Deleting(parts, self.requests, self.kept, self.judging)
        self.composing = Composing(parts, self.requests, self.preview, self.answers, self.editing)

    def compose(self) -> ComposeResult:
        yield from self.parts.compose()

    def on_mount(self) -> None:
        self.use_settings(self.parley.settings.screen)
        self.choosing.show_ask()
        self.show_model(self.parley.model)
        self.parts.composer.editor.focus()

    def use_settings(self, settings: ScreenSettings) -> None:
        """Apply the screen settings."""
        self.parts.transcript.details = settings.show_metadata

    def show_model(self, news: ModelChanged) -> None:
        """Show that the model is loading, ready or missing. Begin a waiting request, or give it up."""
        self.parts.title_line.model = news.label
        self.parts.title_line.set_class(news.state == "failed", "-failed")
        self.parts.welcome.show_model(news)
        if news.state == "ready":
            self.preview.changed()
            self.requests.begin_waiting()
        elif news.state == "failed":
            self.requests.give_up(Interrupted("no model is loaded"))

    # Keys and commands.

    async def action_run(self, command: str, takes: str = "", argument: str = "") -> None:
        """Run a command of the table: `judging.rate` calls the method `rate` of `self.judging`."""
        feature, _, verb = command.partition(".")
        # Named parameters, since Textual counts them to see how many arguments to pass.
        done = getattr(getattr(self, feature), verb)(*filter(None, (takes, argument)))
        if isawaitable(done):
            await done

    def action_cancel(self) -> None:
        """Stop the answer being written. If there is none, close the open pane and focus the composer."""
        parts = self.parts
        if self.requests.is_writing:
            self.requests.cancel()
            return
        if not self.editing.editing and parts.composer.editor.has_focus:
            if parts.beside.is_open:
                parts.beside.close()
            else:
                self.parley.pulling.stop()
        self.editing.give_up()
        parts.focus_composer()

    def action_select(self, step: int) -> None:
        """Select the entry before or after the selected one, or the newest if none is selected. The composer follows
        the newest.
        """
        entries: list[EntryView | None] = [*self.parts.transcript.query(EntryView), None]
        place = entries.index(self.parts.selected()) + step
        self.set_focus(entries[max(place, 0)] or self.parts.composer.editor)

    def action_focus_composer(self) -> None:
        """Focus the composer."""
        self.parts.focus_composer()

    def on_paste(self, event: Paste) -> None:
        """Paste into the composer, whatever has the focus."""
        editor = self.parts.composer.editor
        if not editor.has_focus:
            event.stop()
            editor.focus()
            editor.post_message(Paste(event.text))

    def take_letter(self, key: str) -> None:
        """Focus the composer for a letter that is about to be passed on.

        A search field keeps its letters, and so does a widget that has a binding for the key.
        """
        editor = self.parts.composer.editor
        if self.focused is not editor and not isinstance(self.focused, InputField) and key not in self.active_bindings:
            self.set_focus(editor)

    def on_descendant_focus(self) -> None:
        if self.focused is None or self.parts.beside not in self.focused.ancestors:
            self.parts.follow()

    def on_resize(self) -> None:
        self.preview.show_route()

    # Messages from the widgets.

    async def on_composer_submitted(self, event: ComposerSubmitted) -> None:
        with self.parley.reporting():
            await self.composing.submit(event.text.strip())

    def on_composer_changed(self) -> None:
        self.preview.changed()

    def on_choice_opened(self, event: ChoiceOpened) -> None:
        self.choosing.choose(event.name)

    def on_choice_reset(self, event: ChoiceReset) -> None:
        self.choosing.reset(event.name)

    def on_model_offered(self, event: ModelOffered) -> None:
        self.choosing.take_offer(event.ref)

    def on_digest_list_chosen(self, event: DigestList.Chosen) -> None:
        self.parts.follow()
        self.digests.point_at(event.item)

    def on_source_chosen(self, event: SourceChosen) -> None:
        self.documents.open_source(event.source)

    def on_chat_searched(self, event: ChatSearched) -> None:
        self.finding.find_chats(event.words)

    def on_chat_chosen(self, event: ChatChosen) -> None:
        self.finding.open_chat(event.id)

    def on_chat_pin_asked(self, event: ChatPinAsked) -> None:
        self.finding.pin(event.id)

    def on_chat_rename_asked(self, event: ChatRenameAsked) -> None:
        self.finding.rename(event.id)

    def on_chat_deletion_asked(self, event: ChatDeletionAsked) -> None:
        self.deleting.delete_chat(event.id)

    def on_earlier_wanted(self, event: EarlierWanted) -> None:
        self.kept.open_earlier(event.before)

    # Messages from the threads.

    def on_input_measured(self, event: InputMeasured) -> None:
        self.preview.show_measured(event)

    def on_answer_grew(self, event: AnswerGrew) -> None:
        self.requests.grow(event)

    def on_request_progressed(self, event: RequestProgressed) -> None:
        self.requests.advance(event)

    def on_answer_finished(self, event: AnswerFinished) -> None:
        self.requests.finish(event)

    async def on_sources_found(self, event: SourcesFound) -> None:
        await self.documents.show_found(event)

    async def on_documents_missed(self, event: DocumentsMissed) -> None:
        await self.documents.show_missed(event)

    def on_passage_opened(self, event: PassageOpened) -> None:
        self.app.push_screen(PassageScreen(event.source, event.text))

    def on_documents_changed(self, event: DocumentsChanged) -> None:
        self.parley.document_files = event.files

    async def on_chat_opened(self, event: ChatOpened) -> None:
        await self.kept.show_opened(event)
