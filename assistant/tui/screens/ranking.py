"""Rank drafts by keyboard. Returns the ranking and its reasons; knows no models and no store."""

from collections.abc import Callable, Sequence

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from assistant.feedback.guideline import Guideline
from assistant.records import Record, Thumb
from assistant.terminal import printable
from assistant.tui.placing import Placing
from assistant.tui.screens.guideline import GuidelineScreen
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine, PressLine, pressing
from assistant.tui.widgets.transcript.drafts import DraftCard, DraftRow, mark_of

CONFIDENCES: tuple[tuple[str, float | None], ...] = (
    ("not said", None),
    ("sure", 0.95),
    ("fairly sure", 0.75),
    ("unsure", 0.5),
)
_KEYS = (
    ("equals_sign", "tie"),
    ("f", "fail"),
    ("u", "undo"),
    ("tab", "whole conversation"),
    ("question_mark", "guideline"),
    ("c", "confidence"),
    ("enter", "save"),
    ("escape", "later"),
)
REASON_KEYS = "abdehijklmnopqrstvwxyz"
"""Letters that choose a reason; c, f, g and u have other meanings."""


class Ranked(Record, frozen=True):
    """The user's ranking: groups of draft numbers, best first, and the drafts that failed."""

    groups: tuple[tuple[int, ...], ...]
    failed: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    confidence: float | None = None
    guideline: str = ""


class RankingScreen(DialogScreen[Ranked | None]):
    """Shows the drafts in their displayed order. `on_change` gets every step, so that a crash loses none."""

    BINDINGS = [
        Binding("enter", "save", "Save", id="rank.save", priority=True),
        Binding("equals_sign", "tie", "Tie", id="rank.tie"),
        Binding("f", "fail", "Fail", id="rank.fail"),
        Binding("u", "undo", "Undo", id="rank.undo"),
        Binding("left", "touch(-1)", show=False),
        Binding("right", "touch(1)", show=False),
        Binding("c", "confidence", "Confidence", id="rank.confidence"),
        Binding("tab", "conversation", "Conversation", id="rank.conversation"),
        Binding("question_mark,g", "guideline", "Guideline", id="rank.guideline"),
        Binding("escape", "close", "Later"),
    ]

    def __init__(
        self,
        drafts: Sequence[str],
        guideline: Guideline,
        placing: Placing | None = None,
        on_change: Callable[[Placing], None] = lambda placing: None,
        source: str = "",
        heading: str = "Which is best?",
    ) -> None:
        super().__init__()
        self._heading = heading
        self._source = source
        self.placing = placing or Placing(drafts=len(drafts))
        self._guideline = guideline
        self._on_change = on_change
        self._row = DraftRow(drafts)
        self._offered = list(zip(REASON_KEYS, guideline.reasons["up"] + guideline.reasons["down"], strict=False))
        self._reasons: set[str] = set()
        self._confidence = 0
        self._below = PressLine(classes="reasons", markup=False)

    def compose(self) -> ComposeResult:
        with Dialog(classes="-ranking"):
            yield Static(Content(self._heading), classes="heading")
            yield Static(Content(printable(self._source)), classes="read", markup=False)
            with VerticalScroll():
                yield self._row
                yield self._below
            yield KeyLine(("", f"1-{self.placing.drafts} place"), *_KEYS)

    def on_mount(self) -> None:
        self._show()

    def on_key(self, event: Key) -> None:
        if event.character and event.character.isdigit():
            event.stop()
            self._change(self.placing.place(int(event.character) - 1))
        elif event.character in dict(self._offered):
            event.stop()
            self._reasons ^= {dict(self._offered)[event.character]}
            self._show()
            self._below.scroll_visible(animate=False)

    def on_draft_card_chosen(self, event: DraftCard.Chosen) -> None:
        """Give the clicked draft the next rank, like its digit."""
        self._change(self.placing.place(event.number))

    def action_tie(self) -> None:
        self._change(self.placing.tie())

    def action_fail(self) -> None:
        self._change(self.placing.fail())

    def action_undo(self) -> None:
        self._change(self.placing.undo())

    def action_touch(self, step: int) -> None:
        now = -1 if self.placing.touched is None and step > 0 else self.placing.touched or 0
        self._change(self.placing.touch(now + step))

    def action_confidence(self) -> None:
        self._confidence = (self._confidence + 1) % len(CONFIDENCES)
        self._show()
        self._below.scroll_visible(animate=False)

    def action_conversation(self) -> None:
        """Show the whole conversation; only a few lines of it are visible above the drafts."""
        self.app.push_screen(TextScreen("The conversation", self._source))

    def action_guideline(self) -> None:
        def use(saved: Guideline | None) -> None:
            self._guideline = saved or self._guideline

        self.app.push_screen(GuidelineScreen(), use)

    def action_save(self) -> None:
        whole = self.placing.completed()
        if whole is None:
            left = ", ".join(str(draft + 1) for draft in self.placing.open)
            self.notify(f"Drafts {left} have no place yet: press their digits, or f for a failed one.")
            return
        confidence = CONFIDENCES[self._confidence][1]
        reasons = tuple(reason for _, reason in self._offered if reason in self._reasons)
        self.dismiss(
            Ranked(
                groups=whole.groups,
                failed=whole.failed,
                reasons=reasons,
                confidence=confidence,
                guideline=self._guideline.version,
            )
        )

    def action_close(self) -> None:
        self.dismiss(None)

    def _change(self, placing: Placing) -> None:
        self.placing = placing
        self._on_change(msgspec.structs.replace(placing, past=()))
        self._show()
        if placing.touched is not None:
            self._row.cards[placing.touched].scroll_visible(animate=False)

    def _show(self) -> None:
        placing = self.placing
        for number, card in enumerate(self._row.cards):
            failed = number in placing.failed
            mark = mark_of(placing.place_of(number), tied=placing.is_tied(number), failed=failed)
            card.mark(mark, touched=number == placing.touched, failed=failed)
        confidence = CONFIDENCES[self._confidence][0]
        said = pressing("c", f"confidence: {confidence}")
        self._below.update(Content("\n").join([*self._boxes("up"), *self._boxes("down"), said]))

    def _boxes(self, thumb: Thumb) -> list[Content]:
        chosen = [(key, reason) for key, reason in self._offered if reason in self._guideline.reasons[thumb]]
        boxes = [pressing(key, f"{key} {'☒' if reason in self._reasons else '☐'} {reason}") for key, reason in chosen]
        # Keep each box and its reason on one line.
        lines, room = [Content("")], self.app.size.width * 94 // 100 - len("   ") * 2 - 1
        for box in boxes:
            if len(lines[-1]) + len(box) > room:
                lines.append(Content(""))
            lines[-1] = Content.assemble(lines[-1], box, "  ")
        return lines
