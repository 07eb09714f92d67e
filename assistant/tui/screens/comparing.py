"""Compare a version with the model before it, blind, on the user's own conversations.

Both answer, and a key says which answer is better. Every choice is stored immediately, for the gate to read.
"""

from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from assistant.errors import AssistantError
from assistant.models.proof import Trial, add_trial
from assistant.terminal import printable
from assistant.trials import Pair, contestants, counted, find_prompts, write_pairs
from assistant.tui.messages import PairsWritten
from assistant.tui.parley import Parley, parley_of
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine
from assistant.tui.widgets.transcript.drafts import DraftCard, DraftRow
from assistant.tui.workers.training_run import newest_run, read_run

CONVERSATIONS = 12
"""Conversations compared in one sitting."""
_KEYS = (
    ("1", "the first is better"),
    ("2", "the second"),
    ("equals_sign", "alike"),
    ("escape", "end; choices are kept"),
)


class ComparingScreen(DialogScreen[None]):
    """Compares the newest run's candidate, or the promoted model, with the one that it should beat."""

    BINDINGS = [
        Binding("1", "choose(0)", "The first"),
        Binding("2", "choose(1)", "The second"),
        Binding("equals_sign", "choose(-1)", "Alike"),
        Binding("escape,q", "close", "Close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._pairs: tuple[Pair, ...] = ()
        self._at = 0
        self._folder = Path()
        self._against = ""
        self._total = Trial(against="")

    @property
    def parley(self) -> Parley:
        return parley_of(self)

    def compose(self) -> ComposeResult:
        with Dialog(classes="-ranking"):
            yield Static("Both models answer conversations of yours that you have not rated …", classes="heading")
            yield Static(classes="read", markup=False)
            yield VerticalScroll()
            yield KeyLine(*_KEYS)

    def on_mount(self) -> None:
        self.parley.in_background(self._write, "compare")

    def on_pairs_written(self, event: PairsWritten) -> None:
        self._pairs, self._folder, self._against = event.pairs, event.folder, event.against
        self._show()

    def action_choose(self, place: int) -> None:
        """Store the choice, -1 for a tie, and show the next two answers."""
        if self._at >= len(self._pairs):
            return
        self._count(place if place >= 0 else None)
        self._at += 1
        self._show()

    def on_draft_card_chosen(self, event: DraftCard.Chosen) -> None:
        """Choose the clicked answer, like its digit."""
        self.action_choose(event.number)

    def action_close(self) -> None:
        self.dismiss(None)

    def _write(self) -> None:
        """Write both models' answers. Runs in a thread and in its own process, so that the chat's model stays
        available.
        """
        settings = self.parley.settings
        try:
            model, other = contestants(_candidate(), None, settings)
            prompts = find_prompts(model)[:CONVERSATIONS]
            pairs = write_pairs((model, other), prompts, settings, self.parley.chance)
        except AssistantError:
            self.app.call_from_thread(self.action_close)
            raise
        self.post_message(PairsWritten(tuple(pairs), Path(model.folder), other.ref))

    def _count(self, choice: int | None) -> None:
        with self.parley.reporting():
            self._total = add_trial(self._folder, counted(Trial(against=self._against), self._pairs[self._at], choice))

    def _show(self) -> None:
        """Show the next two answers that differ or, at the end, which model was which and how often it was better."""
        while self._at < len(self._pairs) and self._pairs[self._at].is_same:
            self._count(None)
            self._at += 1
        row = self.query_one(VerticalScroll)
        row.remove_children()
        if self._at == len(self._pairs):
            self._show_end()
            return
        pair = self._pairs[self._at]
        heading = f"Which is better? {self._at + 1} of {len(self._pairs)}"
        self.query_one(".heading", Static).update(Content(heading))
        self.query_one(".read", Static).update(Content(printable(pair.prompt.strip())))
        row.mount(DraftRow(pair.texts))

    def _show_end(self) -> None:
        total = self._total
        version = self._folder.name
        verdict = f"{version} against {self._against}, all sittings together: {total.wins} better, {total.losses} worse"
        self.query_one(".heading", Static).update(Content(f"{verdict}, {total.ties} alike"))
        self.query_one(".read", Static).update("")
        self.query_one(KeyLine).show(("escape", "close"), about="F4 and b goes back to the model before.")


def _candidate() -> str:
    """The newest run's version, "" if it has none."""
    folder = newest_run()
    found = read_run(folder).found if folder else None
    return str((found or {}).get("version") or "")
