"""Finds the words of a sentence that answer a question: the person, time, amount or place that the question does not
name. It is a guess that guides the reader's eye.
"""

import re
from collections.abc import Iterator, Sequence

from knowledge.answers.kinds import Kind, kind_of
from knowledge.answers.patterns import AMOUNT, NAME, NO_NAMES, PLACE, SMALL, STAMP, STOPS, TIME
from knowledge.search.words import content_stems, stem, words_of

_HOW_LONG = re.compile(
    r"\b(?:how long|wie lange?|combien de temps|cuánto tiempo|how far|how tall|how high)\b", re.IGNORECASE
)
_FIGURE = re.compile(rf"\d|^(?:{SMALL})$")
_COUNTED = re.compile(r"\b(?:how many|wie viele|combien de|cuánt[oa]s) (\w+)", re.IGNORECASE)
_BETWEEN = " · "
_PATTERNS: dict[Kind, re.Pattern[str]] = {"time": TIME, "amount": AMOUNT, "person": NAME, "place": PLACE}


def answer_span(question: str, sentence: str, names: Sequence[str] | None = None) -> tuple[int, int] | None:
    """Return the range of the sentence that answers, None if it contains nothing of the kind asked for. For a table
    row, `names` are its column names, empty if the cells include them.
    """
    kind = kind_of(question)
    if names is not None:
        return _cell(question, _cells(sentence, names), kind)
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return None
    asked = content_stems(question)
    found = [span for span in _candidates(pattern, kind, sentence) if _is_new(sentence[slice(*span)], asked, kind)]
    if _HOW_LONG.search(question):
        found = [span for span in found if _has_unit(sentence[slice(*span)])]
    if not found:
        return None
    places = [match.start() for match in re.finditer(r"\w+", sentence) if stem(match[0].lower()) in asked]
    return min(found, key=lambda span: (min((_distance(span, place) for place in places), default=0), span[0]))


def counts(question: str, sentence: str) -> bool:
    """Whether the sentence has a number of what is to be counted: "six eggs" for "how many eggs"."""
    asked = _COUNTED.search(question)
    if not asked:
        return False
    words = words_of(sentence)
    numbers = [place for place, word in enumerate(words) if _FIGURE.search(word)]
    return any(stem(asked[1].lower()) in map(stem, words[place + 1 : place + 3]) for place in numbers)


def _candidates(pattern: re.Pattern[str], kind: Kind, sentence: str) -> Iterator[tuple[int, int]]:
    stamp = STAMP.match(sentence)
    for match in pattern.finditer(sentence, stamp.end() if stamp else 0):
        start, end = match.span()
        if kind == "place" and (stop := STOPS.search(sentence, match.start() + len(match[0].split()[0]), end)):
            end = stop.start()
        text = sentence[start:end]
        end -= len(text) - len(text.rstrip(" ,.;:-–"))
        start += len(text) - len(text.lstrip())
        if end > start:
            yield start, end


def _is_new(text: str, asked: frozenset[str], kind: Kind) -> bool:
    """Whether the text says more than the question. A pronoun or an article is no name."""
    said = content_stems(text)
    if kind == "person" and (not said or text.lower() in NO_NAMES or TIME.fullmatch(text)):
        return False
    if kind == "amount":
        figures = [word for word in words_of(text) if _FIGURE.search(word)]
        return any(stem(figure) not in asked for figure in figures)
    return bool(said - asked) or (kind != "person" and not said)


def _distance(span: tuple[int, int], place: int) -> int:
    start, end = span
    return 0 if start <= place < end else min(abs(place - start), abs(place - end))


Cell = tuple[str, str, int]
"""The name, the text and the offset of a cell."""


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
    """Return the range of the value whose column name best matches the question. In a row of three or more cells,
    another value must match the question: the column names also fit the rows next to it.
    """
    asked = content_stems(question)
    row = list(cells)
    if len(row) > 2 and not any(content_stems(value) & asked for _, value, _ in row):
        return None
    best: tuple[float, int, int] | None = None
    for name, value, start in row:
        if not content_stems(value) - asked:
            continue  # the value only repeats the question
        named = content_stems(name)
        share = len(named & asked) / len(named) if named else 0.0
        if (
            _fits(kind, value)
            and (not _HOW_LONG.search(question) or _has_unit(value))
            and (best is None or share > best[0])
        ):
            best = (share, start, start + len(value))
    return (best[1], best[2]) if best else None


def _fits(kind: Kind, value: str) -> bool:
    pattern = _PATTERNS.get(kind)
    return pattern is None or pattern.search(value) is not None


def _has_unit(text: str) -> bool:
    return any(map(str.isalpha, re.sub(rf"\b(?:{SMALL})\b", "", text)))
