"""Show answers from the user's documents, and their sources."""

from collections.abc import Sequence
from pathlib import PurePath

from assistant.terminal import one_line
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.messages import DocumentsMissed, Source, SourcesFound
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.sources import EXCERPT, SourcesView, shortened, with_marks


class DocumentAnswers:
    """Shows the results of a question to the documents, and the sources of an answer."""

    def __init__(self, parts: ChatParts, requests: Requests) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests

    def _view_of(self, number: int) -> AnswerView | None:
        """The view of the answer to a request."""
        views = self._parts.transcript.answers
        return next((view for view in reversed(views) if view.request.number == number), None)

    async def show_found(self, news: SourcesFound) -> None:
        """Show the sources under their answer."""
        if (view := self._view_of(news.request)) is None:
            return
        if news.marks:
            view.show_marked(with_marks(news.marks))
        supported = all(number is not None for _, number in news.marks)
        about = "found so far" if not news.is_final else "sources" if supported else "sources, as far as there are any"
        if news.sources:
            await self._show_sources(view, f"{about} · Enter opens one in its document", news.sources)
        if not news.is_final:
            view.advance("reading the passages")

    async def show_missed(self, news: DocumentsMissed) -> None:
        """Say why there is no answer, and show the nearest passages."""
        if (view := self._view_of(news.request)) is None:
            return
        view.conclude(news.why, "your documents · nothing was written")
        places = [f"nearest: {_place(source)}  {shortened(source.text, EXCERPT)}" for source in news.nearest]
        self._requests.end_without_answer(view, "\n".join([f"{news.why} Nothing was written.", *places]))
        panel = self._panel_of(view)
        if news.nearest:
            await self._show_sources(view, "what comes nearest · Enter opens it in its document", news.nearest)
        elif panel is not None:
            await panel.remove()

    async def sources(self) -> None:
        """Focus the list of sources under the answer. For an answer from a stored chat, find the sources first."""
        view = self._parts.chosen()
        if view is None or view.answer is None:
            return
        panel = self._panel_of(view)
        if panel is not None:
            panel.list.focus()
            return
        completion = view.answer.completion
        if not completion.passage_ids:
            self._screen.notify("This answer does not come from documents: press e for its evidence.")
            return

        async def show(sources: Sequence[Source]) -> None:
            found = await self._show_sources(view, "sources · Enter opens one in its document", sources)
            found.list.focus()

        def find() -> None:
            sources = self._parley.documents.sources_of(completion)
            self._screen.call_later(show, sources)

        self._parley.in_background(find, "documents")

    def open_source(self, source: Source) -> None:
        """Show a source in its document."""
        post = self._screen.post_message
        self._parley.in_background(lambda: self._parley.documents.open_source(source, post), "documents")

    def _panel_of(self, view: AnswerView) -> SourcesView | None:
        children = list(self._parts.transcript.children)
        place = children.index(view) + 1
        following = children[place] if place < len(children) else None
        return following if isinstance(following, SourcesView) else None

    async def _show_sources(self, view: AnswerView, about: str, sources: Sequence[Source]) -> SourcesView:
        panel = self._panel_of(view)
        if panel is None:
            panel = SourcesView(view.request.question)
            await self._parts.transcript.mount(panel, after=view)
        panel.show(about, sources)
        self._parts.transcript.anchor()
        return panel


def _place(source: Source) -> str:
    page = f" p. {source.page}" if source.page is not None else ""
    return f"{one_line(PurePath(source.document).name)}{page}"
