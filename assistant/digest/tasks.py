"""Finds what may be a to-do in a single sentence: a pledge, or something asked of somebody. Knows no replies."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from assistant.digest.cues import Cues
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.replies import is_question

_CUT = re.compile(r"(?:[;:]|\s[-–—])\s+|[.!?]\s+|,\s+(?=\w+(?:['’]\w+)?\s)")
_MAX_WORDS = 14


@dataclass(frozen=True, slots=True)
class Task:
    """A stretch of a sentence that tells of something to do. `who` is empty where the sentence names nobody.

    `strength` is how likely it is one by its words alone, 0 to 1.
    """

    sentence: Sentence
    start: int
    end: int
    kind: Literal["pledge", "request"]
    who: str
    strength: float


@dataclass(frozen=True, slots=True)
class _Patterns:
    commit: re.Pattern[str]
    pledge: re.Pattern[str]
    request: re.Pattern[str]
    task: re.Pattern[str]
    stop: re.Pattern[str]
    third: re.Pattern[str]


def tasks(heard: Heard, sentence: Sentence) -> Iterator[Task]:
    """What the sentence pledges or asks, clause by clause."""
    cues, text = heard.cues, sentence.whole
    offset = sentence.end - len(sentence.text) - text.find(sentence.text)
    asks = is_question(sentence, cues)
    taken = -1
    for start, end in _stretches(text):
        if start < taken:
            continue
        found = _pledged(cues, text, start, end, asks) or _asked(heard, text, start, end, sentence)
        if found:
            kind, who, at, strength = found
            end = _grown(text, at, end, cues)
            taken = end
            if cues.found("conditions", text[start:at]):
                strength -= 0.25
            yield Task(
                sentence,
                offset + at,
                offset + end,
                kind,
                who or (sentence.speaker if kind == "pledge" else ""),
                strength,
            )


def _stretches(text: str) -> list[tuple[int, int]]:
    cuts = [0, *(match.end() for match in _CUT.finditer(text)), len(text)]
    joined = re.finditer(r"\b(?:and|so|but|then|y|et|und|aber|pero|mais|&)\s+(?=\S)", text)
    cuts = sorted({*cuts, *(match.end() for match in joined)})
    return [(start, end) for start, end in itertools.pairwise(cuts) if start < end]


def _grown(text: str, start: int, end: int, cues: Cues) -> int:
    """The end of what is to be done: further stretches that go on with it, up to a reason or a new thought."""
    found = _patterns(cues).stop.search(text, start)
    limit = found.start() if found else len(text)
    words = list(re.finditer(r"\S+", text[start:limit]))
    if len(words) > _MAX_WORDS:
        commas = [match.start() for match in re.finditer(r",", text[start : start + words[_MAX_WORDS].start()])]
        limit = start + (commas[-1] if commas and commas[-1] > 15 else words[_MAX_WORDS - 1].end())
    return max(limit, min(end, limit))


def _pledged(
    cues: Cues, text: str, start: int, end: int, asks: bool
) -> tuple[Literal["pledge"], str, int, float] | None:
    patterns = _patterns(cues)
    stretch = text[start:]
    found = patterns.commit.match(stretch)
    if found and not cues.opens("no_commitments", stretch):
        may = found["cue"].lower().split()[-1] in cues.words("may")
        strength = 0.5 if may else 0.8
        return "pledge", "", start + found.start("do"), strength - (0.35 if asks else 0.0)
    found = patterns.pledge.match(stretch)
    before = text[:start].lower().split()[-1:] or [""]
    if found and not asks and before[0].strip(",") not in cues.words("no_present"):
        return "pledge", "", start + found.start("do"), 0.65
    return None


def _asked(
    heard: Heard, text: str, start: int, end: int, sentence: Sentence
) -> tuple[Literal["request", "pledge"], str, int, float] | None:
    cues = heard.cues
    patterns = _patterns(cues)
    stretch = text[start:]
    name = _name_pattern(heard)
    called = name.match(stretch)
    who = _named(heard, called["name"]) if called else _vocative(heard, text)
    rest = called.end() if called else 0
    if found := patterns.request.match(stretch, rest):
        return "request", who, start + found.start("do"), 0.7
    if cues.opens("no_tasks", stretch[rest:]):
        return None
    if found := patterns.task.match(stretch, rest):
        polite = cues.found("polite", text)
        return "request", who, start + found.start("do"), 0.65 if polite or called else 0.35
    if called and (found := patterns.third.match(stretch, rest)):
        return "pledge", who, start + found.start("do"), 0.6
    return None


def _vocative(heard: Heard, text: str) -> str:
    """Whom the sentence calls by name: at its start, its end, or between marks."""
    for match in re.finditer(
        r"(?:^|[,;:–—-]\s|[.!?]\s)@?([^\W\d_][\w'’-]*)(?=\s*[,?!]|\s*$|\s+(?:can|could|would|will|please|you|pls)\b)",
        text,
    ):
        if match[1].lower() in heard.names:
            return heard.names[match[1].lower()]
    return ""


def _named(heard: Heard, word: str) -> str:
    return heard.names.get(word.lower(), word)


@cache
def _cached_name_pattern(names: tuple[str, ...], titles: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    title = "|".join(map(re.escape, titles)) or "(?!)"
    return re.compile(
        rf"(?:and\s|so\s|then\s|also\s)?@?(?:(?:{title})\.?\s)?(?P<name>{words})\b(?:,)?\s+(?:you\s+)?(?:please\s+)?",
        re.IGNORECASE,
    )


def _name_pattern(heard: Heard) -> re.Pattern[str]:
    return _cached_name_pattern(tuple(sorted(heard.names)), tuple(sorted(heard.cues.words("titles"))))


@cache
def _patterns(cues: Cues) -> _Patterns:
    verbs = _alternatives(cues, "tasks")
    # Where the verb may stand at the end ("ich werde die Liste schicken"), what is to be done starts before it.
    doing = rf"(?P<do>(?:{verbs})\b|\S+(?:\s\S+){{0,8}}?\s(?:{_alternatives(cues, 'tasks_last')})\b)"
    adverb = rf"(?:(?:{_alternatives(cues, 'adverbs')})\s+){{0,2}}"
    lead = rf"(?:(?:{_alternatives(cues, 'leads')}),?\s+){{0,3}}"
    thought, reason = _alternatives(cues, "new_thoughts"), _alternatives(cues, "reasons_after")

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.IGNORECASE)

    return _Patterns(
        commit=compiled(rf"{lead}(?P<cue>{_alternatives(cues, 'commitments')})\s+{adverb}{doing}"),
        pledge=compiled(rf"{lead}(?P<do>(?:{_alternatives(cues, 'present_tasks')})\b)"),
        request=compiled(rf"{lead}(?:{_alternatives(cues, 'requests')})\s+{adverb}{doing}"),
        task=compiled(rf"{lead}(?:(?:{_alternatives(cues, 'you')})\s+)?{adverb}(?P<do>(?:{verbs})\b)"),
        third=compiled(rf"(?:{_alternatives(cues, 'thirds')})\s+{adverb}(?P<do>(?:{verbs})\b)"),
        stop=compiled(rf"[;.!?](?=\s|$)|\s[-–—]\s|,\s(?=(?:{thought})\b)|\s(?=(?:{reason})\b)"),
    )


def _alternatives(cues: Cues, name: str) -> str:
    phrases = sorted(cues.words(name), key=lambda phrase: (-len(phrase), phrase))
    return "|".join(re.sub("['’]", "['’]", re.escape(phrase).replace(r"\*", r"\w*")) for phrase in phrases) or "(?!)"
