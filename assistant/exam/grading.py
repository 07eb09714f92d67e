"""The exam's conversations, and the grading of texts about them."""

import hashlib
import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from assistant.dialogue import parse
from assistant.records import Dialogue, Record
from assistant.scoring.faithfulness.support import mentions, unsupported

LANGUAGE = "en"
"""The language of the exam: a model that passes is proven only in this language."""
Words = tuple[tuple[str, ...], ...]
"""Each inner tuple lists alternatives; a text matches if it contains one of each."""


class Trap(Record, frozen=True):
    """A false claim that a careless reader makes. A text falls for it if it matches `says` and contains no word of
    `unless`.
    """

    says: Words
    unless: tuple[str, ...] = ()

    def catches(self, text: str) -> bool:
        """Whether the lower-case text falls for it."""
        return matches(self.says, text) and not any(word in text for word in self.unless)


class Statements(Record, frozen=True):
    """Two sentences about a conversation that differ in one thing: one is true, the other false."""

    true: str
    false: str


class Question(Record, frozen=True):
    """A conversation with the facts a reader needs, traps, and pairs of statements."""

    text: str
    facts: tuple[Words, ...]
    traps: tuple[Trap, ...]
    statements: tuple[Statements, ...]

    @property
    def dialogue(self) -> Dialogue:
        """The conversation as the product reads it."""
        return parse(self.text.strip())


class Grade(Record, frozen=True):
    """What a text got right and wrong. `claims` are its names and numbers plus the traps it could fall for; `wrong` are
    the unsupported ones and the traps it fell for.
    """

    facts: int
    of: int
    claims: int
    wrong: int


def grade(question: Question, text: str) -> Grade:
    """Grade a text about the question's conversation."""
    lower = text.lower()
    fallen = sum(trap.catches(lower) for trap in question.traps)
    return Grade(
        facts=sum(matches(fact, lower) for fact in question.facts),
        of=len(question.facts),
        claims=len(mentions(text)) + len(question.traps),
        wrong=len(unsupported(text, question.text)) + fallen,
    )


def matches(words: Words, text: str) -> bool:
    """Whether the lower-case text contains one of each group of alternatives."""
    return all(any(word in text for word in group) for group in words)


@cache
def load_questions() -> tuple[Question, ...]:
    """Return the exam's sixteen conversations."""
    return msgspec.convert(tomllib.loads(_source()), dict[str, tuple[Question, ...]])["conversation"]


@cache
def exam_version() -> str:
    """Return a hash of the questions: a result is valid only for its version of the exam."""
    return hashlib.blake2b(_source().encode(), digest_size=8).hexdigest()


def _source() -> str:
    return files("assistant.exam").joinpath("conversations.toml").read_text(encoding="utf-8")
