"""Questions to the user's documents, and the sources of their answers. The conversation screen brings these along."""

from collections.abc import Sequence
from pathlib import PurePath

from assistant.records import Dialogue
from assistant.terminal import one_line
from assistant.tui.messages import DocumentsChanged, DocumentsMissed, PassageOpened, Source, SourceChosen, SourcesFound
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.passage import PassageScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.sources import EXCERPT, SourcesView, shortened, with_marks

NOT_THERE = "Not in your documents."
NO_DIALOGUE = Dialogue(turns=(), format="")


class DocumentQuestions(ConversationParts):
    """What comes back for a question to the documents, and `s` on an answer."""

    def view_of(self, number: int) -> AnswerView | None:
        """The answer to that request."""
        views = self.transcript.query(AnswerView)
        return next((view for view in reversed(list(views)) if view.request.number == number), None)

    async def on_sources_found(self, event: SourcesFound) -> None:
        if (view := self.view_of(event.request)) is None:
            return
        if event.marks:
            view.show_marked(with_marks(event.marks))
        supported = all(number is not None for _, number in event.marks)
        about = "found so far" if not event.is_final else "sources" if supported else "sources, as far as there are any"
        if event.sources:
            await self._show_sources(view, f"{about} · Enter opens one in its document", event.sources)
        if not event.is_final:
            view.advance("reading the passages")

    async def on_documents_missed(self, event: DocumentsMissed) -> None:
        if (view := self.view_of(event.request)) is None:
            return
        view.conclude(NOT_THERE, "your documents · nothing was written")
        self.ended(view)
        places = [f"nearest: {_place(source)}  {shortened(source.text, EXCERPT)}" for source in event.nearest]
        self.came_to(view, "\n".join([f"{NOT_THERE} Nothing was written.", *places]))
        panel = self._panel_of(view)
        if event.nearest:
            await self._show_sources(view, "what comes nearest · Enter opens it in its document", event.nearest)
        elif panel is not None:
            await panel.remove()

    async def action_show_sources(self) -> None:
        """Where the answer's sentences stand: the list under it, brought back for an answer from a kept chat."""
        view = self.chosen()
        if view is None or view.answer is None:
            return
        panel = self._panel_of(view)
        if panel is not None:
            panel.list.focus()
            return
        completion = view.answer.completion
        if not completion.passage_ids:
            self.notify("This answer does not come from documents: press e for its evidence.")
            return

        async def show(sources: Sequence[Source]) -> None:
            found = await self._show_sources(view, "sources · Enter opens one in its document", sources)
            found.list.focus()

        def find() -> None:
            sources = self.parley.documents.sources_of(completion)
            self.call_later(show, sources)

        self.parley.in_background(find, "documents")

    async def action_ask_documents(self, question: str = "") -> None:
        """Put a question to the documents whatever else it could be for."""
        if not question:
            self.notify("Write a question after it, such as /ask How long is the notice period?")
        elif self.is_free():
            await self.ask_documents(question)

    async def ask_documents(self, question: str) -> None:
        """Put a question to the documents; the conversation screen knows how."""
        raise NotImplementedError

    def on_documents_changed(self, event: DocumentsChanged) -> None:
        self.parley.document_files = event.files

    def on_source_chosen(self, event: SourceChosen) -> None:
        self.parley.in_background(
            lambda: self.parley.documents.open_source(event.source, self.post_message), "documents"
        )

    def on_passage_opened(self, event: PassageOpened) -> None:
        self.app.push_screen(PassageScreen(event.source, event.text))

    def ended(self, view: AnswerView) -> None:
        """The request of that answer is over; the conversation screen knows what follows."""
        raise NotImplementedError

    def came_to(self, view: AnswerView, text: str) -> None:
        """Keep what stands there instead of an answer; the conversation screen knows how."""
        raise NotImplementedError

    def _panel_of(self, view: AnswerView) -> SourcesView | None:
        children = list(self.transcript.children)
        place = children.index(view) + 1
        following = children[place] if place < len(children) else None
        return following if isinstance(following, SourcesView) else None

    async def _show_sources(self, view: AnswerView, about: str, sources: Sequence[Source]) -> SourcesView:
        panel = self._panel_of(view)
        if panel is None:
            panel = SourcesView(view.request.question)
            await self.transcript.mount(panel, after=view)
        panel.show(about, sources)
        self.transcript.anchor()
        return panel


def _place(source: Source) -> str:
    page = f" p. {source.page}" if source.page is not None else ""
    return f"{one_line(PurePath(source.document).name)}{page}"
