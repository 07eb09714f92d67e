"""The line under the composer: task, mode, drafts and decoding, each one click or key away, and the tokens of the
input.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from assistant.prompts import MODES
from assistant.records import Ask, Prompt
from assistant.tui.choices import drawn, task_label
from assistant.tui.messages import ChoiceOpened

BAR_CELLS = 9
GUTTER = 2
"""Cells of padding around each text."""


class Choice(Static):
    """A choice with its present value; a click opens it."""

    def __init__(self, name: str) -> None:
        super().__init__(classes="choice", markup=False, name=name)

    def on_click(self) -> None:
        self.post_message(ChoiceOpened(self.name or ""))


class ControlLine(Horizontal):
    """The settings of the next answer, and how much of the model's window its input takes."""

    DEFAULT_CSS = """
    ControlLine {
        height: 1;
        padding: 0 1;
        color: $foreground 70%;
        .choice { width: auto; padding: 0 1; &:hover { color: $accent; } }
        .tokens { width: 1fr; text-align: right; padding: 0 1; text-wrap: nowrap; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices = {name: Choice(name) for name in ("task", "mode", "drafts", "decoding")}
        self._values = dict.fromkeys(self.choices, "")
        self._tokens = Static(classes="tokens", markup=False)
        self._prompts: Sequence[Prompt] = ()

    def compose(self) -> ComposeResult:
        yield from self.choices.values()
        yield self._tokens

    def show_ask(self, ask: Ask) -> None:
        """Show the settings of the next answer."""
        drafts = ask.settings.drafts
        self._values = {
            "task": task_label(ask).lower(),
            "mode": MODES[ask.mode].label.lower(),
            "drafts": f"{drafts} {'draft' if drafts == 1 else 'drafts'}",
            "decoding": drawn(ask).settings.decoding,
        }
        self._fit()

    def show_tokens(self, prompts: Sequence[Prompt]) -> None:
        """Show how much of the model's window the input takes; nothing if there is no input."""
        self._prompts = prompts
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Show whole choices only. If there is too little room, drop the arrows, then the last choices, which the panel
        shows too.
        """
        room = self.size.width
        values = list(self._values.values())
        marked = [f"{value} ▾" for value in values]
        texts = marked if _cells(marked) <= room else values
        for choice, text in zip(self.choices.values(), texts, strict=True):
            choice.update(Content(text))
            room -= _cells([text])
            choice.display = room >= 0
        self._tokens.update(Content(describe_tokens(self._prompts, room - GUTTER)))


def _cells(texts: Sequence[str]) -> int:
    return sum(cell_len(text) + GUTTER for text in texts)


def describe_tokens(prompts: Sequence[Prompt], room: int) -> str:
    """Tokens as "▓▓▓▓░░░░░ 312 of 512 tokens", or the number of parts, in the longest form that fits the room (in
    cells).
    """
    if not prompts:
        return ""
    budget = prompts[0].budget
    if len(prompts) > 1:
        counts = f"{len(prompts)} parts of {budget:,} tokens"
        forms: tuple[str, ...] = (f"{'▓' * BAR_CELLS} {counts}", counts, f"{len(prompts)} parts")
    else:
        tokens = prompts[0].tokens
        filled = min(BAR_CELLS, max(1, round(tokens / budget * BAR_CELLS)))
        counts = f"{tokens:,} of {budget:,} tokens"
        bar = f"{'▓' * filled}{'░' * (BAR_CELLS - filled)} {counts}"
        dropped = f" · {prompts[0].shots_dropped} examples do not fit" if prompts[0].shots_dropped else ""
        forms = (bar + dropped, bar, counts, f"{tokens:,} tokens")
    return next((form for form in forms if len(form) <= room), "")
