"""The line under the composer: what will happen on Enter (task, mode, drafts), and how full the model's window gets.
Each choice is a click or a key away.
"""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from assistant.prompts import MODES
from assistant.records import Ask, Prompt
from assistant.tui.choices import drawn, task_label
from assistant.tui.messages import ChoiceOpened

BAR_CELLS = 9


class Choice(Static):
    """One choice with its present value; a click opens it."""

    def __init__(self, name: str) -> None:
        super().__init__(classes="choice", markup=False, name=name)

    def on_click(self) -> None:
        self.post_message(ChoiceOpened(self.name or ""))


class ControlLine(Horizontal):
    """Task, mode, drafts and decoding of the next answer; its tokens of the window."""

    DEFAULT_CSS = """
    ControlLine {
        height: 1;
        padding: 0 1;
        color: $foreground 60%;
        .choice { width: auto; padding: 0 1; &:hover { color: $accent; } }
        .tokens { width: 1fr; text-align: right; padding: 0 1; }
        &.-narrow .decoding { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.choices = {name: Choice(name) for name in ("task", "mode", "drafts", "decoding")}
        self._tokens = Static(classes="tokens", markup=False)

    def compose(self) -> ComposeResult:
        yield from self.choices.values()
        yield self._tokens

    def show_ask(self, ask: Ask) -> None:
        """What the next answer will be."""
        drafts = ask.settings.drafts
        values = {
            "task": task_label(ask).lower(),
            "mode": MODES[ask.mode].label.lower(),
            "drafts": f"{drafts} {'draft' if drafts == 1 else 'drafts'}",
            "decoding": drawn(ask).settings.decoding,
        }
        for name, choice in self.choices.items():
            choice.update(Content(f"{values[name]} ▾"))

    def show_tokens(self, prompts: Sequence[Prompt]) -> None:
        """How much of the model's window the input takes; nothing where there is no input."""
        self._tokens.update(describe_tokens(prompts))


def describe_tokens(prompts: Sequence[Prompt]) -> Content:
    """ "▓▓▓▓░░░░░ 312 of 512 tokens", or in how many parts it will be read."""
    if not prompts:
        return Content("")
    budget = prompts[0].budget
    if len(prompts) > 1:
        return Content(f"{'▓' * BAR_CELLS} {len(prompts)} parts of {budget:,}")
    tokens = prompts[0].tokens
    filled = min(BAR_CELLS, max(1, round(tokens / budget * BAR_CELLS)))
    dropped = f" · {prompts[0].shots_dropped} examples do not fit" if prompts[0].shots_dropped else ""
    return Content(f"{'▓' * filled}{'░' * (BAR_CELLS - filled)} {tokens:,} of {budget:,} tokens{dropped}")
