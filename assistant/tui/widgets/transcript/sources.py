"""The sources of an answer from documents: document, page and excerpt."""

import re
from collections.abc import Collection, Sequence
from pathlib import PurePath

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.terminal import one_line
from assistant.tui.messages import Source, SourceChosen
from assistant.tui.widgets.choice_list import ChoiceList

EXCERPT = 160
_BEFORE = 30
"""Characters shown before the first matching word."""
_WORD = re.compile(r"\w+")


class SourceList(ChoiceList):
    """A list of sources: Enter or a click opens one in its document."""

    DEFAULT_CSS = """
    SourceList {
        height: auto;
        max-height: 14;
        background: transparent;
        border: none;
        padding: 0;
    }
    """

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._sources: Sequence[Source] = ()

    def show(self, sources: Sequence[Source], words: str = "", excerpt: int = EXCERPT) -> None:
        """List the sources, with the words of a question marked in each."""
        self._sources = sources
        self.clear_options()
        wanted = stems(words)
        for number, source in enumerate(sources, 1):
            name = f"[{number}] {one_line(PurePath(source.document).name)}"
            place = f" p. {source.page}" if source.page is not None else ""
            place += f", {one_line(source.place)}" if source.place else ""
            text = marked(shortened(source.text, excerpt, wanted), wanted)
            self.add_option(Option(Content.assemble((name, "$accent"), (place, "$accent"), "  ", text)))

    def on_focus(self) -> None:
        if self.highlighted is None and self._sources:
            self.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(SourceChosen(self._sources[event.option_index]))


class SourcesView(Vertical):
    """The sources of one answer, shown below it."""

    DEFAULT_CSS = """
    SourcesView {
        height: auto;
        margin: 0 0 0 0;
        padding: 0 1;
        border-left: outer $panel;
        .about { color: $foreground 70%; height: auto; }
        &:focus-within { border-left: outer $accent; }
    }
    """

    def __init__(self, question: str = "") -> None:
        super().__init__()
        self._question = question
        self._about = Static(classes="about", markup=False)
        self.list = SourceList()

    def compose(self) -> ComposeResult:
        yield self._about
        yield self.list

    def show(self, about: str, sources: Sequence[Source]) -> None:
        """Show the sources under a heading."""
        self._about.update(Content(about))
        self.list.show(sources, self._question)


def with_marks(marks: Sequence[tuple[str, int | None]]) -> Content:
    """The sentences of an answer, each followed by the number of its source, or "not supported"."""
    parts: list[Content | tuple[str, str]] = []
    for text, number in marks:
        parts.append(Content(one_line(text)))
        parts.append((" [not supported] ", "$error") if number is None else (f" [{number + 1}] ", "$accent"))
    return Content.assemble(*parts)


def shortened(text: str, most: int, wanted: Collection[str] = ()) -> str:
    """An excerpt of at most `most` characters, on one line.

    It is the beginning of the text or, if another part contains more of the stems, the first part with the most of
    them, from a few words before it.
    """
    line = one_line(text)
    if len(line) <= most:
        return line
    if start := _start_of_most(line, most - 2 - _BEFORE, wanted):
        line = "…" + line[line.find(" ", max(0, start - _BEFORE), start) + 1 or start :]
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"


def _start_of_most(line: str, most: int, wanted: Collection[str]) -> int:
    """The start of the first part of this length that contains the most stems; 0 for the beginning."""
    places = [(found.start(), stem) for found in _WORD.finditer(line) if (stem := _stem(found.group())) in wanted]
    starts = [0, *(place for place, _ in places)]
    return max(starts, key=lambda start: len({stem for place, stem in places if start <= place < start + most}))


def marked(text: str, wanted: Collection[str]) -> Content:
    """The text with the words that have one of these stems marked."""
    content = Content(text)
    for found in _WORD.finditer(text):
        if _stem(found.group()) in wanted:
            content = content.stylize("bold $accent", found.start(), found.end())
    return content


def stems(question: str) -> frozenset[str]:
    """The stems of the words of a question that have more than three letters."""
    return frozenset(_stem(word) for word in _WORD.findall(question) if len(word) > 3)


def _stem(word: str) -> str:
    return word.lower()[:5]
