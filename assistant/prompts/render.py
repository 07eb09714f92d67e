"""Renders dialogue, mode and shots into the exact prompt, within a token budget. Serving and training share it."""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from assistant.errors import UsageError
from assistant.prompts.modes import MODES, TASKS, Phrasing, PromptMode, Shot, reasoning_marker, reasoning_text
from assistant.records import Prompt, Task

_BETWEEN_SHOTS = "\n\n\n"
NOTE = "Note: "
"""The start of the line with a wish about the answer."""
_PLACE = re.compile(r"\{(?:dialogue|request|wish)\}")


class DialogueTooLong(UsageError):
    """The conversation alone exceeds the model's window; it must be split, never cut silently."""

    def __init__(self, tokens: int, budget: int) -> None:
        super().__init__(
            f"the conversation takes {tokens:,} tokens and the model reads {budget:,}: "
            "summarize it in parts, or pick a model with a larger window"
        )
        self.tokens = tokens
        self.budget = budget


def render(
    dialogue: str,
    *,
    mode: str = "zero-shot",
    task: Task = "summary",
    phrasing: str | None = None,
    request: str = "",
    wish: str = "",
    shots: Sequence[Shot] = (),
    budget: int,
    count_tokens: Callable[[str], int],
) -> Prompt:
    """Render the prompt for a dialogue given as text, one turn per line. `request` is the question or instruction of a
    task that takes one, `wish` a sentence about the answer.

    `shots` are in order of preference; at most as many as the mode allows are used, and the least preferred are dropped
    until the prompt fits `budget` tokens. Raises DialogueTooLong if it does not fit even without shots, and UsageError
    for an unknown mode, task or phrasing.
    """
    if mode not in MODES:
        raise unknown_mode(mode)
    if task not in TASKS:
        raise UsageError(f"unknown task {task!r}; there are {', '.join(TASKS)}")
    chosen = MODES[mode]
    try:
        wording = TASKS[task].phrasing(phrasing)
    except KeyError:
        names = ", ".join(p.name for p in TASKS[task].phrasings)
        raise UsageError(f"unknown phrasing {phrasing!r} for {task}; there are {names}") from None
    if TASKS[task].takes_request and not request.strip():
        raise UsageError(f"the task {task} needs a question or an instruction")
    asked = _Asked(task, wording.text, " ".join(request.split()), " ".join(wish.split()))
    wanted = [shot for shot in shots if task in shot.answers][: chosen.shots]
    for kept in range(len(wanted), -1, -1):
        text = _compose(dialogue, chosen, asked, wanted[:kept])
        tokens = count_tokens(text)
        if tokens <= budget:
            return Prompt(
                text=text,
                mode=mode,
                task=task,
                phrasing=wording.name,
                tokens=tokens,
                budget=budget,
                version=_version(chosen, task, wording, wanted[:kept]),
                shots=tuple(shot.name for shot in wanted[:kept]),
                shots_dropped=len(wanted) - kept,
            )
    raise DialogueTooLong(tokens, budget)


def unknown_mode(mode: str) -> UsageError:
    """Return the error for an unknown mode."""
    return UsageError(f"unknown mode {mode!r}; there are {', '.join(MODES)}")


def split_reasoning(text: str, task: Task) -> tuple[str, str]:
    """Split the output of a chain-of-thought prompt into (rationale, answer).

    If the model never writes the marker, or nothing after it, the whole text is the answer.
    """
    rationale, _, answer = text.partition(reasoning_marker().format(noun=TASKS[task].noun))
    if not answer.strip():
        return "", rationale.strip() or text.strip()
    return rationale.strip(), answer.strip()


class _Asked(NamedTuple):
    """The parts of a prompt around the dialogue."""

    task: Task
    template: str
    request: str
    wish: str


def _compose(dialogue: str, mode: PromptMode, asked: _Asked, shots: Sequence[Shot]) -> str:
    task = asked.task
    solved = (
        _fill(asked.template, shot.dialogue, shot.requests.get(task, "")).rstrip() + "\n" + shot.answers[task]
        for shot in shots
    )
    template = asked.template
    if asked.wish or mode.reasoning:
        head, cue = _cue(template)
        template = head + (NOTE + "{wish}\n\n" if asked.wish else "") + ("" if mode.reasoning else cue)
    question = _fill(template, dialogue, asked.request, asked.wish)
    if mode.reasoning:
        # Only the end of the instruction changes: the usual cue would make the model skip the reasoning.
        noun = TASKS[task].noun
        question = reasoning_text().replace("{noun}", noun).replace("{instruction}", question)
    return _BETWEEN_SHOTS.join([*solved, question])


def _cue(template: str) -> tuple[str, str]:
    """Split off the template's last line if it is a cue such as "Summary: ", which asks for the answer immediately."""
    head, _, cue = template.rstrip().rpartition("\n")
    if cue.endswith(":"):
        return head.rstrip() + "\n\n", template[len(template.rstrip()) - len(cue) :]
    return template.rstrip() + "\n\n", ""


def _fill(template: str, dialogue: str, request: str = "", wish: str = "") -> str:
    """Fill in all placeholders in one pass, so that none in the inserted texts is replaced."""
    texts = {"{dialogue}": dialogue.strip(), "{request}": request, "{wish}": wish}
    return _PLACE.sub(lambda place: texts[place.group()], template)


def _version(mode: PromptMode, task: Task, wording: Phrasing, shots: Sequence[Shot]) -> str:
    reasoning = reasoning_text() + reasoning_marker() if mode.reasoning else ""
    solved = (shot.dialogue + shot.requests.get(task, "") + shot.answers[task] for shot in shots)
    parts = [mode.name, task, wording.text, reasoning, *solved]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:12]
