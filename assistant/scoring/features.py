"""Turns a text and its conversation into features for a linear head: form, support, coverage, who said what. Pure.

People's simple wishes ("shorter", "name both", "no quotes") concern what can be counted, and a head over counts learns
them from a hundred ratings; a neural network does not.

Every feature is bounded, with limits that real texts hardly reach. Without limits, a model rewarded by a head maximizes
a single feature: five thousand words without a full stop once scored higher than any summary.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assistant.digest.making import words_for
from assistant.scoring import surface
from assistant.scoring.faithfulness.roles import COMMON, content_stems, hear, named_in, sentences, turns_in
from assistant.scoring.faithfulness.support import Evidence, Mention, mentions

Rows = NDArray[np.float64]

STEPS = (*range(3, 31), 35, 40, 50, 60, 80, 100, 150, 200, 300)
"""Length thresholds in words, each with a feature that says whether the text is at least as long."""

SPEECH_ACTS = {
    "requests": "ask asks asked request requests requested want wants wanted need needs needed beg begs would like",
    "tells": "tell tells told say says said inform informs explain explains explained report reports",
    "advises": "suggest suggests recommend recommends advise advises advised propose proposes should",
    "agrees": "agree agrees agreed accept accepts promise promises confirm confirms",
    "refuses": "refuse refuses refused decline declines reject rejects disagree disagrees deny denies",
    "thinks": "think thinks thought believe believes feel feels like likes love loves hope hopes",
    "plans": "will plan plans decide decides decided going intend intends invite invites",
    "thanks": "thank thanks thanked apologize apologizes sorry welcome greet greets",
    "talks": "talk talks talking discuss discusses discussing chat chats conversation about",
}
_ACTS = {name: frozenset(verbs.split()) for name, verbs in SPEECH_ACTS.items()}
_WORDS = {
    "pronouns": "he she they him her them his their it its",
    "first person": "i i'm i'll i've me my we us our",
    "second person": "you your you're yours",
    "hedges": "maybe perhaps probably possibly might may seems seem apparently likely",
    "negations": "not no never cannot can't don't doesn't didn't won't isn't aren't without nobody nothing",
}
_WORD_SETS = tuple(frozenset(words.split()) for words in _WORDS.values())
_REFUSAL = re.compile(
    r"\b(?:sorry|can(?:no|')t (?:help|do|answer)|not (?:able|comfortable|sure)|as an ai|unable)\b", re.I
)
_JOINED = 0.25
"""The share of common words above which a text is certainly no word list."""
_CROWDED = 0.35
"""The share of names and numbers that sentences hardly exceed."""
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)

_FORM = (
    "log words", "sentences", "words a sentence", "letters a word", "length to source", "ends open", "starts small",
    "question marks", "exclamation marks", "quotes", "commas", "colons", "brackets", "lines", "list", "digits",
    "repetition", "repetition of pairs", "distinct words", "pronouns", "first person", "second person", "hedges",
    "negations", "refusal", "tags", "joining words",
    "crowding", "excess",
)  # fmt: skip
_SOURCE = (
    "unsupported names", "unsupported numbers", "any unsupported", "names", "numbers", "placed mentions",
    "misplaced mentions", "copying", "copying of pairs", "longest copy", "precision", "recall", "recall of start",
    "recall of middle", "recall of end", "first covered", "turns touched", "sentence fit", "worst sentence fit",
    "speakers named", "all speakers named", "no speaker named", "speaker opens", "fits the last turn",
    "source copied",
)  # fmt: skip
_ACT_NAMES = tuple(f"{where} {act}" for where in ("opens with", "has") for act in SPEECH_ACTS)
NAMES: tuple[str, ...] = (*_FORM, *_SOURCE, *_ACT_NAMES, *(f"{step} words" for step in STEPS))
"""The names of the features, in order."""


@dataclass(frozen=True, slots=True)
class Source:
    """A conversation, prepared for many texts."""

    text: str
    evidence: Evidence
    turns: tuple[frozenset[str], ...]
    """The stems of the content words of each turn, or of each line if there are no speakers."""
    spoken: tuple[Evidence, ...]
    """The words and numbers of each turn."""
    stems: frozenset[str]
    word_count: int
    runs: frozenset[tuple[str, ...]]
    pairs: frozenset[tuple[str, ...]]


@lru_cache(maxsize=256)
def read_source(conversation: str) -> Source:
    """Read a conversation, cached."""
    said = turns_in(conversation) or [("", line) for line in conversation.splitlines() if line.strip()]
    turns = tuple(frozenset(content_stems(text)) for _, text in said)
    words = surface.words(conversation)
    return Source(
        text=conversation,
        evidence=Evidence.of(conversation),
        turns=turns,
        spoken=tuple(Evidence.of(f"{speaker}: {text}") for speaker, text in said),
        stems=frozenset().union(*turns),
        word_count=len(words),
        runs=frozenset(surface.runs(words, 4)),
        pairs=frozenset(surface.runs(words, 2)),
    )


def features(conversation: str, text: str) -> Rows:
    """Return the features of a text about a conversation, in the order of NAMES, shape (len(NAMES),)."""
    source = read_source(conversation)
    words = surface.words(text)
    parts = sentences(text)
    numbers = [
        *_form(text, words, parts, source),
        *_support(text, parts, source),
        *_coverage(text, words, parts, source),
    ]
    return np.array([*numbers, *_acts(words, parts), *(float(len(words) >= step) for step in STEPS)], dtype=np.float64)


def feature_rows(pairs: Sequence[tuple[str, str]]) -> Rows:
    """Return one row for each (conversation, text), shape (n, len(NAMES))."""
    return np.array([features(*pair) for pair in pairs]).reshape(len(pairs), len(NAMES))


def _form(text: str, words: list[str], parts: list[str], source: Source) -> list[float]:
    count = len(words) or 1
    share = _shares(words, count)
    stripped = text.strip()
    return [
        float(np.log1p(len(words))),
        float(min(30, len(parts))),
        min(40.0, len(words) / (len(parts) or 1)),
        min(12.0, sum(map(len, words)) / count),
        min(2.0, len(words) / (source.word_count or 1)),
        float(not stripped.endswith((".", "!", "?", '"', "”"))),
        float(stripped[:1].islower()),
        *(float(min(5, stripped.count(sign))) for sign in ("?", "!")),
        float(min(10, sum(stripped.count(sign) for sign in '"“'))),
        min(1.0, stripped.count(",") / count),
        float(min(5, stripped.count(":"))),
        float(min(5, stripped.count("("))),
        float(min(20, stripped.count("\n"))),
        float(bool(_LIST.search(text))),
        sum(word.isdigit() for word in words) / count,
        surface.repetition(text),
        surface.repetition(text, 2),
        len(set(words)) / count,
        *share,
        float(bool(_REFUSAL.search(text))),
        float(min(6, text.count("#Person"))),
        min(_JOINED, sum(word in COMMON for word in words) / count),
        max(0.0, len(mentions(text)) / count - _CROWDED),
        min(2.0, max(0.0, len(words) / words_for(source.word_count) - 1.0)),
    ]


def _shares(words: list[str], count: int) -> list[float]:
    return [sum(word in wanted for word in words) / count for wanted in _WORD_SETS]


def _support(text: str, parts: list[str], source: Source) -> list[float]:
    found = mentions(text)
    missing = [mention for mention in found if not source.evidence.supports(mention)]
    names = sum(mention.kind == "name" for mention in found)
    lost = sum(mention.kind == "name" for mention in missing)
    placed = [fit for part in parts for fit in _placed(part, source)]
    return [
        float(min(5, lost)),
        float(min(5, len(missing) - lost)),
        float(bool(missing)),
        float(min(10, names)),
        float(min(10, len(found) - names)),
        float(np.mean(placed)) if placed else 0.5,
        float(min(5, sum(fit == 0 for fit in placed))),
    ]


def _placed(sentence: str, source: Source) -> list[float]:
    """Return for each supported name or number the share of its sentence's other stems near it in the conversation."""
    stems = set(content_stems(sentence)) & source.stems
    fits = []
    for mention in mentions(sentence):
        if mention.text.startswith("#") or not source.evidence.supports(mention):
            continue
        rest = stems - set(content_stems(mention.text))
        if rest:
            fits.append(max((len(rest & near) / len(rest) for near in _near(mention, source)), default=0.0))
    return fits


def _near(mention: Mention, source: Source) -> list[frozenset[str]]:
    """Return the stems of each turn with the mention, and of its neighbours."""
    holders = [place for place, spoken in enumerate(source.spoken) if spoken.supports(mention)]
    return [frozenset().union(*source.turns[max(0, place - 1) : place + 2]) for place in holders]


def _coverage(text: str, words: list[str], parts: list[str], source: Source) -> list[float]:
    stems = set(content_stems(text))
    known = stems & source.stems
    fits = [_best_fit(part, source) for part in parts] or [0.0]
    touched = [bool(known & turn) for turn in source.turns]
    said = hear(source.text).speakers
    named = named_in(text, said)
    opener = named_in(parts[0], said) if parts else frozenset()
    return [
        _share_known(surface.runs(words, 4), source.runs),
        _share_known(surface.runs(words, 2), source.pairs),
        _longest_copy(words, source) / (len(words) or 1),
        len(known) / (len(stems) or 1),
        len(known) / (len(source.stems) or 1),
        *_thirds(known, source),
        touched.index(True) / len(touched) if any(touched) else 1.0,
        float(np.mean(touched)) if touched else 0.0,
        float(np.mean(fits)),
        min(fits),
        len(named) / (len(said) or 1),
        float(bool(said) and len(named) == len(said)),
        float(not named),
        float(bool(opener)),
        len(known & source.turns[-1]) / (len(stems) or 1) if source.turns else 0.0,
        len(source.runs.intersection(surface.runs(words, 4))) / (len(source.runs) or 1),
    ]


def _best_fit(sentence: str, source: Source) -> float:
    """Return the largest share of a sentence's stems in three consecutive turns."""
    stems = set(content_stems(sentence))
    if not stems or not source.turns:
        return 0.0
    around = (frozenset().union(*source.turns[place : place + 3]) for place in range(len(source.turns)))
    return max(len(stems & near) for near in around) / len(stems)


def _thirds(known: set[str], source: Source) -> list[float]:
    """Return the shares of the stems of the conversation's start, middle and end that the text contains."""
    edges = np.linspace(0, len(source.turns), 4).astype(int)
    thirds = [frozenset[str]().union(*source.turns[start:end]) for start, end in pairwise(edges)]
    return [len(known & third) / (len(third) or 1) for third in thirds]


def _share_known(runs: list[tuple[str, ...]], known: frozenset[tuple[str, ...]]) -> float:
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def _longest_copy(words: list[str], source: Source) -> int:
    """Return the length in words of the longest run copied from the conversation, in overlapping 4-grams."""
    longest = current = 0
    for run in surface.runs(words, 4):
        current = current + 1 if run in source.runs else 0
        longest = max(longest, current)
    return longest + 3 if longest else 0


def _acts(words: list[str], parts: list[str]) -> list[float]:
    opening = set(surface.words(parts[0])[:6]) if parts else set()
    every = set(words)
    return [float(bool(said & verbs)) for said in (opening, every) for verbs in _ACTS.values()]
