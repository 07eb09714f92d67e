"""Dialogue + mode + shots -> the exact prompt, within a token budget. Serving and training call the same function."""

import hashlib
from collections.abc import Callable, Sequence

from assistant.errors import UsageError
from assistant.prompts.modes import MODES, TASKS, Phrasing, PromptMode, Shot, reasoning_marker, reasoning_text
from assistant.records import Prompt, Task

_BETWEEN_SHOTS = "\n\n\n"


class DialogueTooLong(UsageError):
    """The conversation alone does not fit the model's window; it must be split, never cut silently."""

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
    shots: Sequence[Shot] = (),
    budget: int,
    count_tokens: Callable[[str], int],
) -> Prompt:
    """Write the prompt for a dialogue that is already text, one turn a line.

    `shots` come in order of preference; at most as many as the mode shows are used, and the least preferred are
    dropped until the prompt fits `budget` tokens. Raises DialogueTooLong where it does not fit even without shots,
    and UsageError for an unknown mode, task or phrasing.
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
    wanted = [shot for shot in shots if task in shot.answers][: chosen.shots]
    for kept in range(len(wanted), -1, -1):
        text = _compose(dialogue, chosen, task, wording, wanted[:kept])
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
    """The error for a mode that is not in the table."""
    return UsageError(f"unknown mode {mode!r}; there are {', '.join(MODES)}")


def split_reasoning(text: str, task: Task) -> tuple[str, str]:
    """Part the output of a chain-of-thought prompt into (rationale, answer).

    A model that never writes the marker, or nothing behind it, gave no rationale apart: its text is the answer.
    """
    rationale, _, answer = text.partition(reasoning_marker().format(noun=TASKS[task].noun))
    if not answer.strip():
        return "", rationale.strip() or text.strip()
    return rationale.strip(), answer.strip()


def _compose(dialogue: str, mode: PromptMode, task: Task, wording: Phrasing, shots: Sequence[Shot]) -> str:
    solved = (_fill(wording.text, shot.dialogue).rstrip() + "\n" + shot.answers[task] for shot in shots)
    question = _fill(wording.text, dialogue)
    if mode.reasoning:
        # Only the ending of the instruction changes: the answer's own cue would make the model skip the reasoning.
        noun = TASKS[task].noun
        question = _fill(_without_cue(wording.text), dialogue)
        question = reasoning_text().replace("{noun}", noun).replace("{instruction}", question)
    return _BETWEEN_SHOTS.join([*solved, question])


def _without_cue(template: str) -> str:
    """The template without a last line such as "Summary: ", which asks for the answer at once."""
    head, _, cue = template.rstrip().rpartition("\n")
    return head.rstrip() + "\n\n" if cue.endswith(":") else template.rstrip() + "\n\n"


def _fill(template: str, dialogue: str) -> str:
    return template.replace("{dialogue}", dialogue.strip())


def _version(mode: PromptMode, task: Task, wording: Phrasing, shots: Sequence[Shot]) -> str:
    reasoning = reasoning_text() + reasoning_marker() if mode.reasoning else ""
    parts = [mode.name, task, wording.text, reasoning, *(shot.dialogue + shot.answers[task] for shot in shots)]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:12]
