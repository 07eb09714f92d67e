"""The user's documents: the indexed folders and their state, the progress of indexing, and a search."""

from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from assistant.terminal import one_line, rough_time
from assistant.tui.choices import Offer
from assistant.tui.messages import (
    DocumentsChanged,
    IndexingProgressed,
    PassageOpened,
    PassagesFound,
    Root,
    SourceChosen,
)
from assistant.tui.parley import Parley, parley_of
from assistant.tui.screens.passage import PassageScreen
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine
from assistant.tui.widgets.transcript.sources import SourceList

if TYPE_CHECKING:
    from knowledge.library import Progress

EMPTY = "No folder yet. Type a path above, such as ~/notes, and press Enter."
_KEYS = (
    ("enter", "add, search or open"),
    ("down", "to the list"),
    ("ctrl+u", "update"),
    ("delete", "forget"),
    ("ctrl+x", "stop"),
    ("escape", "close"),
)
_BAR = 24
_MOST_SKIPPED = 5
_LONGEST_PATH = 56
"""The longest folder path in cells. Its end is kept, which tells folders apart, and leaves room for the counts."""


class KnowledgeScreen(DialogScreen[None]):
    """Folders above, search below. A path typed into the field is added; anything else is searched for."""

    BINDINGS = [
        ("escape", "close", "Close"),
        ("ctrl+u", "update", "Update"),
        ("delete", "forget", "Forget"),
        ("ctrl+x", "stop", "Stop"),
        ("down", "to_lists", "To the lists"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._roots: tuple[Root, ...] = ()
        self._words = ""
        self._is_reading = False
        self._field = Input(placeholder="a path to add, or words to search for", compact=True)
        self._list = ChoiceList(compact=True, classes="roots")
        self._state = Static(classes="hint", markup=False)
        self._hits = SourceList()

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide -documents"):
            yield Static(Content("Your documents"), classes="heading")
            yield self._field
            yield self._list
            yield self._state
            yield self._hits
            yield KeyLine(*_KEYS)

    @property
    def parley(self) -> Parley:
        return parley_of(self)

    def on_mount(self) -> None:
        self._field.cursor_blink = False
        self._field.focus()
        self.parley.in_background(lambda: self.parley.documents.follow(self.post_message), "documents")

    # Actions of the user.

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if not text:
            return
        if text.startswith(("/", "~", "./", "../")):
            self._field.value = ""
            self._read(lambda: self.parley.documents.add(text))
        else:
            self._words = text
            self.parley.in_background(lambda: self.parley.documents.search(text, self.post_message), "documents")

    def on_source_chosen(self, event: SourceChosen) -> None:
        self.parley.in_background(
            lambda: self.parley.documents.open_source(event.source, self.post_message), "documents"
        )

    def action_update(self) -> None:
        self._read(self.parley.documents.update)

    def action_to_lists(self) -> None:
        """Focus the hits, or the folders if there are none."""
        (self._hits if self._hits.option_count else self._list).focus()

    def action_stop(self) -> None:
        self.parley.documents.stop()

    def action_forget(self) -> None:
        """Remove the chosen folder from the index, after asking how."""
        place = self._list.highlighted
        if place is None or place >= len(self._roots):
            return
        path = self._roots[place].path
        offers = [
            Offer(value="", label="Keep it"),
            Offer(value="forget", label="Forget it", about="the files stay where they are"),
            Offer(value="purge", label="Forget and purge", about="blank its text in stored answers too"),
        ]

        def use(chosen: str | None) -> None:
            if chosen:
                purge = chosen == "purge"
                self.parley.in_background(
                    lambda: self.parley.documents.remove(path, self.post_message, purge=purge), "documents"
                )

        self.app.push_screen(PickScreen(f"Forget {one_line(path)}?", offers), use)

    def action_close(self) -> None:
        self.dismiss(None)

    # Results.

    def on_documents_changed(self, event: DocumentsChanged) -> None:
        self._roots = tuple(event.roots)
        self.parley.document_files = event.files
        self._list.clear_options()
        for root in self._roots:
            self._list.add_option(Option(_describe(root)))
        self._list.display = bool(self._roots)
        if not self._is_reading:
            skipped = [line for root in self._roots for line in root.skipped]
            self._say(_describe_skipped(skipped) if self._roots else EMPTY)

    def on_indexing_progressed(self, event: IndexingProgressed) -> None:
        self._is_reading = event.progress is not None
        if event.progress is not None:
            self._say(_describe_progress(event.progress))

    def on_passages_found(self, event: PassagesFound) -> None:
        if event.words != self._words:
            return
        self._hits.show(event.sources, event.words, excerpt=240)
        unlikely = "Nothing here seems to be it; this comes nearest." if event.sources else "Nothing found."
        self._say("" if event.is_likely else unlikely)

    def on_passage_opened(self, event: PassageOpened) -> None:
        self.app.push_screen(PassageScreen(event.source, event.text))

    def _say(self, text: str) -> None:
        """Show a text below the folders; without one, hide its row."""
        self._state.update(Content(text))
        self._state.display = bool(text)

    def _read(self, work: Callable[[], None]) -> None:
        if self._is_reading:
            self.notify("Files are being indexed: wait, or press ^X to stop.", severity="warning")
            return
        self._is_reading = True
        self._say("Looking for files …")
        self.parley.in_background(work, "indexing")


def _describe(root: Root) -> Content:
    counts = f"  {_several(root.files, 'file')} · {_several(root.passages, 'passage')}"
    skipped = f" · {len(root.skipped):,} skipped" if root.skipped else ""
    gone = "  not there now" if not root.is_there else ""
    path = one_line(root.path)
    path = path if len(path) <= _LONGEST_PATH else f"…{path[1 - _LONGEST_PATH :]}"
    return Content.assemble(path, (counts, "$foreground 70%"), (skipped, "$warning"), (gone, "$error"))


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _describe_skipped(skipped: list[str]) -> str:
    shown = [one_line(f"skipped {line}") for line in skipped[:_MOST_SKIPPED]]
    more = [f"and {len(skipped) - _MOST_SKIPPED} more"] if len(skipped) > _MOST_SKIPPED else []
    return "\n".join(shown + more)


def _describe_progress(progress: "Progress") -> str:
    filled = int(_BAR * progress.share)
    bar = "━" * filled + "─" * (_BAR - filled)
    counts = f"{progress.files_done:,} of {progress.files_total:,} files"
    speed = f" · {progress.passages_per_second:.1f} passages/s" if progress.passages else ""
    left = "" if progress.seconds_left is None else f" · {rough_time(progress.seconds_left)} left"
    path = PurePath(progress.path)
    where = one_line(f"{path.name} in {path.parent}") if path.name else ""
    return f"{bar}  {counts}{speed}{left}\n{where[:_LONGEST_PATH]}"
