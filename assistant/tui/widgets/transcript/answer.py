"""An answer: its text as it grows, and a dim line about how it was made."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static

from assistant.records import Answer, Completion
from assistant.terminal import printable
from assistant.tui.commands import bindings_of
from assistant.tui.digests.listing import DigestList
from assistant.tui.placing import Placing
from assistant.tui.widgets.transcript.drafts import DraftRow, mark_of
from assistant.tui.widgets.transcript.entry import EntryView
from assistant.tui.wording.origin import RANKABLE, describe_answer
from assistant.tui.workers.asking import Request

if TYPE_CHECKING:
    from assistant.digest import Digest
    from assistant.feedback.marks import Mark
    from assistant.scoring.faithfulness.support import Mention

TICK_SECONDS = 0.25
REDRAW_SECONDS = 0.05
"""Seconds between redraws: a fast model writes faster than anybody reads, so several words are drawn together."""
REDRAW_SHARE = 0.1
SLOWEST_REDRAW_SECONDS = 1.0
"""The longest time between redraws. Up to this, drawing takes at most REDRAW_SHARE of the time, so as not to delay
keys.
"""


class AnswerView(EntryView):
    """One answer. `growing` is true while the model writes; `message` is the answer's id in the store, once stored."""

    DEFAULT_CSS = """
    AnswerView {
        .text { height: auto; }
        .meta { color: $foreground 70%; height: auto; }
        &.-growing:blur { border-left: outer $accent 60%; }
        &.-failed { .meta { color: $error; } }
        &.-failed:blur { border-left: outer $error; }
    }
    """
    BINDINGS = [
        *bindings_of("answer", "entry"),
        Binding("enter", "write", "Write", show=False, priority=True),
    ]
    SCOPES = ("answer", "entry")

    growing: reactive[bool] = reactive(True, toggle_class="-growing")
    details: reactive[bool] = reactive(True)
    """Whether mode, model, words and seconds are shown below the text."""

    def __init__(self, request: Request, clock: Callable[[], float], stage: str) -> None:
        super().__init__()
        self.request = request
        self.answer: Answer | None = None
        self.message = ""
        self.text = ""
        self._clock = clock
        self._started = clock()
        self._stage = stage
        self._ticker: Timer | None = None
        self._redraw: Timer | None = None
        self._drawn_in = 0.0
        self._row: DraftRow | None = None
        self._list: DigestList | None = None
        self._written = ""
        self.order: tuple[int, ...] = ()
        self.verdict = ""
        self.scored = ""
        self.placing: Placing | None = None
        self._text = Static(classes="text", markup=False)
        self._below = Static(classes="text below", markup=False)
        self._below.display = False
        self._meta = Static(classes="meta", markup=False)

    def compose(self) -> ComposeResult:
        if self._row is not None:
            yield self._row
        yield self._text
        if self._list is not None:
            yield self._list
        yield self._below
        yield self._meta

    def can(self, command: str) -> bool:
        if command in ("good", "bad"):
            # With a part of the digest chosen, these keys keep and drop that part.
            return self._list is None or not self._list.has_focus
        if command == "rank":
            return len(self.shown) > 1
        if command == "evidence":
            return bool(self.request.dialogue.turns)
        if command == "todos":
            return self.digest is not None and bool(self.digest.todos)
        if command == "sources":
            return self.answer is not None and bool(self.answer.completion.passage_ids)
        return True

    def on_mount(self) -> None:
        super().on_mount()
        if not self.growing:
            return
        self._text.display = False
        self._tick()
        self._ticker = self.set_interval(TICK_SECONDS, self._tick)

    def begin(self, stage: str) -> None:
        """Start the clock; `stage` is shown until the first word."""
        self._started, self._stage = self._clock(), stage
        self._tick()

    def advance(self, stage: str) -> None:
        """Show another stage, before any text."""
        self._stage = stage

    def grow(self, text: str) -> None:
        """Append text to the answer."""
        self.text += text
        if self._stage != "writing":
            self._stage = "writing"
            self._show_text(self.text)
            self._tick()
        elif self._redraw is None:
            pause = min(max(REDRAW_SECONDS, self._drawn_in / REDRAW_SHARE), SLOWEST_REDRAW_SECONDS)
            self._redraw = self.set_timer(pause, self._show_growth)

    def finish(self, answer: Answer, order: Sequence[int] = (0,), digest: "Digest | None" = None) -> None:
        """Show the complete answer, with its drafts in this order. `digest` is set if the answer is a digest."""
        self.answer = answer
        self.order = tuple(order)
        self.text = answer.completion.answer
        if len(answer.drafts) > 1:
            self._text.display = False
            self._row = DraftRow([draft.answer for draft in self.shown])
            if self.is_attached:
                self.mount(self._row, before=self._text)
        elif digest is None or not self._show_digest(digest):
            self._show_text(self.text or "(the model wrote nothing)")
        self._stop("")
        self._show_facts()

    def _show_digest(self, digest: "Digest") -> bool:
        """Show a digest as a list, with the model's text above or below it. False if the answer does not contain the
        digest.
        """
        from assistant.digest import render

        before, found, after = self.text.partition(render(digest))
        if not found or not digest.points + digest.todos + digest.open:
            return False
        self._list = DigestList(digest)
        # Below the digest, the first line only says that the text is an unchecked draft.
        self._written = before.strip() or after.strip().partition("\n")[2]
        self._show_text(before)
        self._text.display = bool(before.strip())
        self._below.update(Content(printable(after).strip()))
        self._below.display = bool(after.strip())
        if self.is_attached:
            self.mount(self._list, after=self._text)
        return True

    @property
    def digest(self) -> "Digest | None":
        """The digest with the user's marks applied; None if the answer is not a digest."""
        if self._list is None:
            return None
        from assistant.marking import put_right

        return put_right(self._list.digest, self._list.marks)

    @property
    def written(self) -> str:
        """The text that a model wrote: the whole answer or, of a digest, only the model's part."""
        return self.text if self._list is None else self._written

    def show_marks(self, marks: "Sequence[Mark]") -> None:
        """Show the user's marks on the parts."""
        if self._list is not None:
            self._list.show_marks(marks)

    @property
    def copied(self) -> str:
        """The text for the clipboard: a digest as Markdown."""
        digest = self.digest
        if self._list is None or digest is None:
            return self.text
        from assistant.digest import render

        return self.text.replace(render(self._list.digest), render(digest, "markdown"), 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.has_focus if action == "write" else super().check_action(action, parameters)

    async def action_move(self, step: int) -> None:
        """Select another entry; Down enters the parts of a digest."""
        if step > 0 and self._list is not None:
            self._list.enter()
        else:
            await super().action_move(step)

    async def action_write(self) -> None:
        """Focus the composer."""
        await self.screen.run_action("focus_composer")

    @property
    def shown(self) -> list[Completion]:
        """The drafts in their displayed order."""
        return [self.answer.drafts[number] for number in self.order] if self.answer else []

    def flag(self, mentions: "Sequence[Mention]") -> None:
        """Mark the words that the conversation does not support. A digest quotes it, so it has none."""
        if self._list is not None:
            return
        marked = Content(printable(self.text))
        for mention in mentions:
            marked = marked.stylize("$error underline", mention.start, mention.end)
        self._text.update(marked)

    def judge(self, verdict: str) -> None:
        """Show the user's verdict."""
        self.verdict = verdict
        self._show_facts()

    def show_scores(self, beside: Sequence[str], about: str) -> None:
        """Show the reward's scores of the drafts, in their displayed order, and a sentence about all of them."""
        for card, text in zip(self._row.cards if self._row else [], beside, strict=False):
            card.note(text)
        self.scored = about
        self._show_facts()

    def watch_details(self) -> None:
        self._show_facts()

    def show_ranking(self, ranking: Placing) -> None:
        """Show the ranks of the drafts, numbered in their displayed order."""
        for number, card in enumerate(self._row.cards if self._row else []):
            failed = number in ranking.failed
            card.mark(mark_of(ranking.place_of(number), tied=ranking.is_tied(number), failed=failed), failed=failed)

    def show_marked(self, text: Content) -> None:
        """Show the answer with the sources of its sentences."""
        self._text.update(text)

    def conclude(self, text: str, about: str) -> None:
        """Show that the documents do not contain an answer."""
        self._show_text(text)
        self._stop(about)

    def fail(self, sentence: str) -> None:
        """Show that the answer failed or was cut off."""
        self.add_class("-failed")
        self._stop(sentence)

    def _show_growth(self) -> None:
        self._redraw = None
        if self.growing:
            start = time.perf_counter()
            self._show_text(self.text)
            self.call_after_refresh(lambda: setattr(self, "_drawn_in", time.perf_counter() - start))

    def _show_text(self, text: str) -> None:
        self._text.display = True
        self._text.update(Content(printable(text).rstrip().lstrip("\n")))

    def _show_facts(self) -> None:
        """Show the line below a complete answer; hide it if it is empty."""
        if self.answer is None:
            return
        made_of = describe_answer(self.answer, details=self.details)
        facts = [made_of.replace(RANKABLE, "") if self.verdict else made_of, self.verdict, self.scored]
        line = " · ".join(fact for fact in facts if fact)
        self._meta.update(Content(printable(line)))
        self._meta.display = bool(line)

    def _stop(self, meta: str) -> None:
        self.growing = False
        if self._ticker is not None:
            self._ticker.stop()
        self._meta.update(Content(printable(meta)))

    def _tick(self) -> None:
        if self.growing:
            self._meta.update(Content(f"{self._stage} · {self._clock() - self._started:.1f} s · Esc cancels"))
