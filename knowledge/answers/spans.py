"""The words of a sentence that answer a question: the person, time, amount or place in it that the question does not
name itself. Nothing is taken for certain: a span is what a reader's eye is led to.
"""

import re
from collections.abc import Iterator, Sequence

from knowledge.answers.kinds import Kind, kind_of
from knowledge.search.words import content_stems, stem, words_of

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember"
)
_DAYS = (
    "(?:mon|tues?|wednes|thurs?|fri|satur|sun)days?|weekdays?|weekends?|today|tomorrow|midnight|noon|easter|christmas"
)
_SMALL = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    "|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|dozen|quarter"
)
_CLOCK = (
    rf"(?:half|a quarter|quarter|\w+ minutes?) (?:past|to) (?:{_SMALL}|\d+)|\d{{1,2}}[:.]\d{{2}}(?: ?[ap]\.?m\.?)?"
    rf"|\d{{1,2}} ?[ap]\.?m\.?|(?:{_SMALL}) o'clock"
)
_DATE = (
    rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}"
    rf"|(?:(?:{_DAYS}),? )?\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of)? (?:{_MONTHS})\b\.?,?(?: \d{{4}})?"
    rf"|(?:(?:{_DAYS}),? )?(?:{_MONTHS})\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?"
    rf"|(?:early |late |mid-)?(?:{_MONTHS})\b(?:,? (?:of )?\d{{4}})?"
)
_TIME = re.compile(
    rf"(?:(?:from|between|until|till|since|by|before|after|on|at|in) )?(?:the )?(?:{_DATE}|{_CLOCK}|(?:{_DAYS})\b"
    rf"|\d{{1,2}}(?:st|nd|rd|th)\b(?: century)?|(?:1\d|20)\d\d(?:s|[-–]\d{{2,4}})?\b)"
    rf"(?: (?:in the (?:morning|evening|afternoon)|at night))?"
    rf"(?: (?:and|to|until|till|-|–) (?:(?:1\d|20)\d\d|{_CLOCK}|(?:{_MONTHS})\b(?: \d+)?|(?:{_DAYS})\b))?",
    re.IGNORECASE,
)
_NUMBER = rf"(?:\d[\d.,]*\d|\d|\b(?:{_SMALL})(?:[ -](?:and[ -])?(?:{_SMALL}))*\b)"
_NO_UNIT = "is|are|was|were|of|and|in|to|or|for|at|by|from|on|per|a|has|have|will|must|may|with|the|but|if|when"
_AMOUNT = re.compile(
    rf"(?:[€$£¥] ?|(?:EUR|USD|GBP|CHF) )?{_NUMBER}(?: ?(?:%|€|\$|£|percent|per cent))?"
    rf"(?:[ -](?:to|and|–|-)[ -]{_NUMBER})?(?: (?:{_SMALL}))*"
    rf"(?:[ -](?!(?:{_NO_UNIT})\b)[^\W\d_]+)?(?: (?:a|per|an) [^\W\d_]+)?",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )?[^\W\d_a-zà-ÿ][\w'’-]*"
    r"(?:(?: (?:de|van|von|der|of|the|and|bin|al))* [^\W\d_a-zà-ÿ][\w'’.-]*)*"
)
_PLACE = re.compile(
    r"\b(?:in|at|on|near|behind|under|inside|outside|opposite|beside|next to|into|to|from|above|below|between|through)"
    r" (?:[\w'’&-]+ ?){1,7}"
)
_STOPS = re.compile(
    r" (?:is|are|was|were|and|but|which|that|who|when|where|because|if|for|by|with|has|have|had|do|does|can|may|must|on"
    r"|at|in|from|to|until|every|before|after)\b"
)
_BETWEEN = " · "
_PATTERNS: dict[Kind, re.Pattern[str]] = {"time": _TIME, "amount": _AMOUNT, "person": _NAME, "place": _PLACE}


def answer_span(question: str, sentence: str, names: Sequence[str] | None = None) -> tuple[int, int] | None:
    """The characters of the sentence that answer, None where nothing in it is of the kind asked for. For a table row
    `names` are those of its columns, empty where each cell brings its own.
    """
    kind = kind_of(question)
    if names is not None:
        return _cell(question, _cells(sentence, names), kind)
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return None
    asked = content_stems(question)
    found = [span for span in _candidates(pattern, kind, sentence) if _is_new(sentence[slice(*span)], asked, kind)]
    if not found:
        return None
    places = [match.start() for match in re.finditer(r"\w+", sentence) if stem(match[0].lower()) in asked]
    return min(found, key=lambda span: (min((_distance(span, place) for place in places), default=0), span[0]))


def _candidates(pattern: re.Pattern[str], kind: Kind, sentence: str) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(sentence):
        start, end = match.span()
        if kind == "place" and (stop := _STOPS.search(sentence, match.start() + len(match[0].split()[0]), end)):
            end = stop.start()
        text = sentence[start:end]
        end -= len(text) - len(text.rstrip(" ,.;:-–"))
        start += len(text) - len(text.lstrip())
        if end > start:
            yield start, end


def _is_new(text: str, asked: frozenset[str], kind: Kind) -> bool:
    """Whether it says more than the question does. A pronoun or an article is no name."""
    said = content_stems(text)
    if kind == "person" and not said:
        return False
    if kind == "amount":
        figures = [word for word in words_of(text) if re.search(rf"\d|^(?:{_SMALL})$", word)]
        return any(stem(figure) not in asked for figure in figures)
    return bool(said - asked) or (kind != "person" and not said)


def _distance(span: tuple[int, int], place: int) -> int:
    start, end = span
    return 0 if start <= place < end else min(abs(place - start), abs(place - end))


Cell = tuple[str, str, int]
"""A cell's name, its text and where that begins."""


def _cells(row: str, names: Sequence[str]) -> Iterator[Cell]:
    if not names:
        at = 0
        for part in row.split(_BETWEEN):
            name, colon, value = part.partition(": ")
            yield (name, value, at + len(name) + 2) if colon else ("", part, at)
            at += len(part) + len(_BETWEEN)
        return
    for number, match in enumerate(re.finditer(r"[^|]+", row.strip())):
        text = match[0].strip()
        lead = len(row) - len(row.lstrip())
        if text and number < len(names):
            yield names[number], text, lead + match.start() + match[0].index(text)


def _cell(question: str, cells: Iterator[Cell], kind: Kind) -> tuple[int, int] | None:
    """The value of a row under the name that the question names best."""
    asked = content_stems(question)
    best: tuple[float, int, int] | None = None
    for name, value, start in cells:
        if not content_stems(value) - asked:
            continue  # it names what is asked about
        named = content_stems(name)
        share = len(named & asked) / len(named) if named else 0.0
        if _fits(kind, value) and (best is None or share > best[0]):
            best = (share, start, start + len(value))
    return (best[1], best[2]) if best else None


def _fits(kind: Kind, value: str) -> bool:
    pattern = _PATTERNS.get(kind)
    return pattern is None or pattern.search(value) is not None
