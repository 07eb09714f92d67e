"""Finds ranges of numbers in a text: "between 9 and 17", "60 to 85 kg", "9:00-18:30"."""

import re
from collections.abc import Iterator

_FIRST = r"(?<![\d.,:/-])(\d+(?:[.:]\d+)?)(?: ?[^\W\d_]{1,7}| ?[%€£$°]{1,2})?"
_LAST = r"(\d+(?:[.:]\d+)?)(?![\d/-])"
_RANGES = (
    re.compile(rf"\b(?:between|zwischen|entre) {_FIRST} (?:and|und|et|y) {_LAST}", re.IGNORECASE),
    re.compile(rf"{_FIRST}(?: (?:a|à|to|until|till|bis|hasta) | ?[–-] ?){_LAST}", re.IGNORECASE),
)


def ranges_in(text: str) -> Iterator[tuple[float, float]]:
    """Yield the lower and upper bound of each range; minutes count as fractions of an hour."""
    for pattern in _RANGES:
        for found in pattern.finditer(text):
            low, high = map(_value, found.groups())
            if low < high:
                yield low, high


def _value(number: str) -> float:
    hours, colon, minutes = number.partition(":")
    return float(hours) + float(minutes) / 60 if colon else float(number)
