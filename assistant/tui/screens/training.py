"""The training screen: a live view of a run (ratings -> pairs -> reward -> PPO -> gate), read from the run's files.

It starts, stops and resumes the process, promotes the candidate, and rolls back.
"""

import subprocess
from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Static

from assistant.errors import UsageError
from assistant.models.proof import gate_rows
from assistant.terminal import one_line
from assistant.tui.messages import RatingsCounted
from assistant.tui.parley import Parley, parley_of
from assistant.tui.widgets.keys import Keys
from assistant.tui.workers.training_run import (
    STRIP,
    RunView,
    describe_stock,
    last_words,
    newest_run,
    read_run,
    spark,
    start,
    stop,
)

LOOK_SECONDS = 1.0
"""Seconds between two reads of the run's files."""
_MARKS = {"waiting": "○", "running": "◐", "done": "●", "failed": "✕"}
_BEFORE = """\
Rank drafts or rate answers in the chat; then press s. Parley learns a reward from them, trains a copy of the model \
with it, and lets the copy answer only where it proves better. Nothing of it leaves this machine."""


class TrainingScreen(Screen[None]):
    """Shows the newest run."""

    DEFAULT_CSS = """
    TrainingScreen {
        #strip { padding: 1 2; color: $accent; height: auto; }
        VerticalScroll { padding: 0 2; }
        #state { color: $foreground 70%; height: auto; margin: 0 0 1 0; }
        #curves { height: auto; }
        #gate { height: auto; margin: 1 0; background: $background; }
        #samples { height: auto; color: $foreground 70%; }
        Keys { dock: bottom; padding: 0 1; }
    }
    """
    BINDINGS = [
        Binding("escape,f4", "app.pop_screen", "Back"),
        Binding("s", "start", "Start"),
        Binding("x", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("c", "app.open('comparing')", "Compare"),
        Binding("p", "promote", "Promote"),
        Binding("b", "rollback", "Roll back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view: RunView | None = None
        self._ratings = ""
        self._lacking = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def parley(self) -> Parley:
        return parley_of(self)

    def compose(self) -> ComposeResult:
        yield Static(id="strip", markup=False)
        with VerticalScroll():
            yield Static(_BEFORE, id="state", markup=False)
            yield Static(id="curves", markup=False)
            yield DataTable(id="gate", cursor_type="none", show_cursor=False)
            yield Static(id="samples", markup=False)
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#gate", DataTable).display = False
        self._count_ratings()
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def on_ratings_counted(self, event: RatingsCounted) -> None:
        self._ratings = f"{event.ratings} · {event.pairs} pairs"
        self._lacking = describe_stock(event.pairs, event.conversations)
        self._show_strip()
        if self._lacking and self.view is None:
            self.query_one("#state", Static).update(Content(f"{_BEFORE}\n\n{self._lacking}"))

    def action_start(self) -> None:
        """Start a new run, if there is enough to learn from."""
        if self._lacking:
            figures = self._lacking.lstrip("▓░ ")
            self._refuse(f"too little to learn from yet: {figures}; rank drafts in the chat (/drafts 4, then r)")
        else:
            self._launch([])

    def action_resume(self) -> None:
        """Resume the newest run."""
        if self.view is None:
            self._refuse("nothing to resume: press s to start a run")
        elif not self.view.is_running:
            self._launch(["--resume", self.view.name])

    def action_stop(self) -> None:
        """Ask the run to save its state and end."""
        folder = newest_run()
        if folder is None:
            self._refuse("nothing to stop: no run was started")
            return
        with self.parley.reporting():
            stop(folder)
            self.notify("Stopping after it has saved. Press r to resume.")

    def action_promote(self) -> None:
        """Promote the candidate. One that did not pass the gate can be promoted only on the command line."""
        found = self.view.found if self.view else None
        if not found or not found.get("version"):
            self._refuse("there is no candidate yet: press s to train one")
        elif not found.get("gate", {}).get("passed"):
            self._refuse(f"{found['version']} did not pass the gate; `assistant models use {found['version']}` insists")
        else:
            self._serve(str(found["version"]))

    def action_rollback(self) -> None:
        """Go back to the model promoted before."""
        from assistant.models.versions import rollback

        with self.parley.reporting():
            ref = rollback()
            self.notify(f"{ref} answers again.")
            self.parley.load_model()

    def _serve(self, ref: str) -> None:
        from assistant.models.versions import promote

        with self.parley.reporting():
            promote(ref, why="promoted on the training screen")
            self.notify(f"{ref} is used from now on. Press b to go back.")
            self.parley.load_model()

    def _launch(self, arguments: Sequence[str]) -> None:
        if self.view is not None and self.view.is_running:
            self._refuse(f"{self.view.name} is running: press x to stop it")
            return
        self._process = start(arguments)
        self.notify("Started. It continues if you close Parley.")

    def _look(self) -> None:
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            if code:
                self._refuse(one_line(last_words()))
        folder = newest_run()
        if folder is None:
            self._show_strip()
            return
        before, self.view = self.view, read_run(folder)
        if self.view == before:
            return
        self._show_strip()
        self._show_state(self.view)
        self._show_found(self.view.found)
        finished = before is not None and before.is_running and not self.view.is_running
        if finished and self.view.found and self.view.found.get("promoted"):
            self.notify(f"{self.view.found['version']} passed the gate and answers from now on.")
            self.parley.load_model()

    def _show_strip(self) -> None:
        stages = self.view.stages if self.view else dict.fromkeys(STRIP, "waiting")
        parts = [f"{_MARKS[stages[name]]} {name}{self._figure(name)}" for name in STRIP]
        self.query_one("#strip", Static).update(Content(" → ".join(parts)))

    def _figure(self, name: str) -> str:
        found = (self.view.found if self.view else None) or {}
        if name == "ratings":
            return f" {self._ratings}" if self._ratings else ""
        if name == "PPO" and self.view and self.view.steps:
            return f" {self.view.step}/{self.view.steps}"
        if name == "pairs" and found:
            return f" {found['pairs']['n']}"
        if name == "reward" and found:
            return f" {found['reward']['accuracy']:.0%}"
        if name == "gate" and found.get("gate"):
            return " passed" if found["gate"]["passed"] else " not passed"
        return ""

    def _show_state(self, view: RunView) -> None:
        state = (
            f"at work. {one_line(view.said)}"
            if view.is_running
            else one_line(view.outcome) or f"stopped; r goes on. {one_line(last_words())}"
        )
        self.query_one("#state", Static).update(Content(f"{view.name}: {state}"))
        lines = [
            f"{title:<14}{values[0]:>9.3f}  {spark(values)}  {values[-1]:.3f}"
            for title, values in view.curves.items()
            if values
        ]
        self.query_one("#curves", Static).update(Content("\n".join(lines)))

    def _show_found(self, found: dict[str, Any] | None) -> None:
        gate = (found or {}).get("gate")
        table = self.query_one("#gate", DataTable)
        table.display = bool(gate)
        table.clear(columns=True)
        samples = ""
        if gate:
            head, *rows = gate_rows(gate["checks"])
            table.add_columns(*head)
            table.add_rows([[Text(cell) for cell in row] for row in rows])
            samples = "\n\n".join(
                f"judge {sample['gain']:+.2f}\n  before  {one_line(sample['current'])}\n"
                f"  after   {one_line(sample['candidate'])}"
                for sample in gate["samples"]
            )
        self.query_one("#samples", Static).update(Content(samples))

    def _count_ratings(self) -> None:
        """Count what there is to learn from, in a thread."""
        keeper = self.parley.keeper

        def count() -> None:
            if (store := keeper.store()) is not None:
                stats = store.stats()
                conversations = len({pair.prompt for pair in store.pairs()[0]})
                judged = stats.up + stats.down + stats.rankings
                self.post_message(RatingsCounted(judged, stats.pairs, conversations))

        self.parley.in_background(count, "stats")

    def _refuse(self, sentence: str) -> None:
        self.parley.report(UsageError(sentence))
