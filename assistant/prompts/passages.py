"""Renders a question and passages of the user's documents into a prompt. Passages are quoted data: each is on one line
between quotation marks that it cannot close, and the model's output is only shown as text. Also has the questions that
test whether a model can read.
"""

import hashlib
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

import msgspec

from assistant.errors import UsageError
from assistant.prompts.modes import MODES
from assistant.prompts.render import unknown_mode
from assistant.records import Record
from assistant.terminal import one_line

_MARKS = str.maketrans({"“": "'", "”": "'", "„": "'", '"': "'"})


class SolvedQuestion(Record, frozen=True):
    """A solved example: a passage, a question, and its answer."""

    passage: str
    question: str
    answer: str


class CheckQuestion(Record, frozen=True):
    """A question with words, one of which a correct answer contains."""

    passage: str
    question: str
    answers: tuple[str, ...]


class Reading(Record, frozen=True):
    """The content of reading.toml. `version` is a hash of it."""

    instruction: str
    reasoning: str
    marker: str
    unanswerable: str
    shots: tuple[SolvedQuestion, ...]
    check: tuple[CheckQuestion, ...]
    version: str = ""


class PassagePrompt(Record, frozen=True):
    """The prompt; it quotes the first `passages` of those found, in order."""

    text: str
    mode: str
    tokens: int
    budget: int
    version: str
    passages: int
    shots: int = 0


@cache
def load_reading() -> Reading:
    """Return the texts for questions about passages."""
    content = files("assistant.prompts").joinpath("reading.toml").read_text(encoding="utf-8")
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    return msgspec.convert({**tomllib.loads(content), "version": version}, Reading)


def quoted(text: str) -> str:
    """Return a passage as it is in a prompt, without the surrounding quotation marks."""
    return one_line(text).translate(_MARKS)


def render_question(
    question: str,
    passages: Sequence[str],
    *,
    mode: str = "zero-shot",
    budget: int,
    count_tokens: Callable[[str], int],
) -> PassagePrompt:
    """Render the prompt with as many passages as fit `budget` tokens, best first, then as many solved examples as the
    mode allows and still fit. If even the first passage is too long, it is cut.

    Raises UsageError for an unknown mode and for a question that leaves no room.
    """
    if mode not in MODES:
        raise unknown_mode(mode)
    texts = [quoted(passage) for passage in passages]
    kept = _most(len(texts), lambda n: count_tokens(_compose(question, texts[:n], mode, 0)) <= budget)
    if texts and not kept:
        words = texts[0].split(" ")
        fitting = _most(
            len(words), lambda n: count_tokens(_compose(question, [" ".join(words[:n])], mode, 0)) <= budget
        )
        if not fitting:
            raise UsageError("the question is too long for the model to read a passage beside it: ask a shorter one")
        texts, kept = [" ".join(words[:fitting])], 1
    shown = min(MODES[mode].shots, len(load_reading().shots))
    while shown and count_tokens(_compose(question, texts[:kept], mode, shown)) > budget:
        shown -= 1
    text = _compose(question, texts[:kept], mode, shown)
    return PassagePrompt(
        text=text,
        mode=mode,
        tokens=count_tokens(text),
        budget=budget,
        version=load_reading().version,
        passages=kept,
        shots=shown,
    )


def split_answer(text: str, mode: str) -> tuple[str, str]:
    """Split a model's output into (rationale, answer); without the marker all of it is the answer."""
    if not MODES[mode].reasoning:
        return "", text.strip()
    rationale, _, answer = text.partition(load_reading().marker)
    return (rationale.strip(), answer.strip()) if answer.strip() else ("", rationale.strip())


def _compose(question: str, texts: Sequence[str], mode: str, shots: int) -> str:
    reading = load_reading()
    solved = [_fill(reading.instruction, shot.question, [shot.passage]) + shot.answer for shot in reading.shots[:shots]]
    template = reading.reasoning if MODES[mode].reasoning else reading.instruction
    return "\n\n\n".join([*solved, _fill(template, question, texts)])


def _fill(template: str, question: str, texts: Sequence[str]) -> str:
    listed = "\n".join(f'[{number}] "{text}"' for number, text in enumerate(texts, 1))
    # In one pass, so that "{question}" in a passage is not replaced.
    before, _, rest = template.partition("{passages}")
    between, _, after = rest.partition("{question}")
    return before + listed + between + one_line(question) + after


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to the limit that fits, by bisection; 0 if none does."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
