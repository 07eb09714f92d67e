"""Reads numbers from English text, in digits and in words, so that both compare equal.

A number's keys are strings such as "2", "1000", "7.5" or, for a time of day, "7:30".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *_TEENS]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12,
    **{f"{word}th": value for value, word in enumerate(_UNITS) if value in (4, 6, 7, 10, 11) or value > 12},
    **{f"{word[:-1]}ieth": 10 * value for value, word in enumerate(_TENS, start=2)},
    # Alone, "first" and "second" are rarely numbers.
    **{f"{word}-first": 10 * value + 1 for value, word in enumerate(_TENS, start=2)},
    **{f"{word}-second": 10 * value + 2 for value, word in enumerate(_TENS, start=2)},
}  # fmt: skip
_VALUES = {
    **{word: value for value, word in enumerate(_UNITS)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
    **_ORDINALS,
    "fourty": 40,
    "dozen": 12,
}
_SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "k": 1000,
    "grand": 1000,
    "mil": 10**6,
    "mln": 10**6,
}
# "one" is mostly a pronoun, and "a" can mean it: neither is a claim, but both are evidence of 1.
_NO_CLAIMS = frozenset({"1", "0"})
_SAID_ANYWAY = {"a": "1", "an": "1", "both": "2", "couple": "2", "pair": "2", "twice": "2", "first": "1", "second": "2"}
# People also type "10, 000" with a space.
_TOKEN = re.compile(
    r"(?P<digits>\d{1,3}(?:, ?\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,:]\d+)*)(?:st|nd|rd|th)?"
    r"|(?P<word>[A-Za-z]+ty-(?:first|second)|[A-Za-z]+)"
)
_AFTERNOON = re.compile(r"\s?p\.?m\b", re.IGNORECASE)
_MONEY = re.compile(r"(\d+) (?:dollars?|euros?|pounds?|yuan) (?:and )?(\d\d?)\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d{1,3}(?:, ?\d{3})+(?:\.\d+)?$")
_CLOCK = re.compile(r"(\d{1,2})[:.,](\d{2})$")
_PAST = re.compile(r"\b(half|quarter|\w+)(?: minutes)? (past|to|before|after) (\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `start` to `end`; `value` is None for a time of day, which has only `keys`."""

    start: int
    end: int
    value: float | None
    keys: frozenset[str]


def number_mentions(text: str) -> list[Number]:
    """Return the numbers that the text claims, in order, without "one" and "zero"."""
    found = [number for number in _joined(_scan(text)) if not number.keys <= _NO_CLAIMS]
    return [_in_24_hours(number) if _AFTERNOON.match(text, number.end) else number for number in found]


def numbers_said(text: str) -> frozenset[str]:
    """Return the keys of every number in the text, in any reading."""
    found = list(_scan(text))
    keys = {key for number in (*found, *_joined(found)) for key in number.keys}
    keys |= {_SAID_ANYWAY[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _SAID_ANYWAY}
    keys |= {f"{int(whole) + int(cents) / 100:.12g}" for whole, cents in _MONEY.findall(text)}
    for minutes, direction, hour in _PAST.findall(text):
        keys |= _past(minutes.lower(), direction.lower() in ("past", "after"), hour.lower())
    return frozenset(keys)


def _scan(text: str) -> Iterator[Number]:
    """Yield single numbers; connected words ("two hundred and five") are one."""
    run: list[tuple[int, int, str]] = []
    for match in _TOKEN.finditer(text):
        word = (match["word"] or "").lower()
        joins = not run or re.fullmatch(r"[\s-]*", text[run[-1][1] : match.start()])
        if word in _VALUES or word in _SCALES:
            if not joins:
                yield from _spoken(run)
                run = []
            run.append((match.start(), match.end(), word))
        elif word == "and" and joins and run and run[-1][2] in _SCALES:
            run.append((match.start(), match.end(), word))
        elif match["digits"]:
            yield from _spoken(run)
            run = [(match.start(), match.end(), match["digits"])]
        else:
            yield from _spoken(run)
            run = []
    yield from _spoken(run)


def _spoken(run: list[tuple[int, int, str]]) -> Iterator[Number]:
    """Yield the numbers in a run of number words, which may start with digits ("5 million")."""
    while run and run[-1][2] == "and":
        run = run[:-1]
    start = 0
    while start < len(run):
        end, value, keys = _read(run, start)
        if value is not None or keys:
            yield Number(run[start][0], run[end - 1][1], value, keys or frozenset({f"{value:.12g}"}))
        start = end


def _read(run: list[tuple[int, int, str]], start: int) -> tuple[int, float | None, frozenset[str]]:
    """Return (index after the number, value, keys if it is a time of day)."""
    total = current = 0.0
    smallest = float("inf")
    index = start
    while index < len(run):
        word = run[index][2]
        if word == "and":
            index += 1
            continue
        if word in _SCALES:
            scale = _SCALES[word]
            current, total, smallest = _scaled(current, total, scale)
        else:
            value, keys = _value(word)
            if keys and index == start:
                return index + 1, value, keys
            # "seven thirty" and "nineteen ninety" are two numbers, "thirty seven" is one.
            if keys or value is None or value >= smallest or (smallest < float("inf") and value > 99):
                break
            current += value
            smallest = _place(value)
        index += 1
    return max(index, start + 1), total + current, frozenset()


def _scaled(current: float, total: float, scale: int) -> tuple[float, float, float]:
    current = (current or 1) * scale
    return (current, total, scale) if scale == 100 else (0.0, total + current, scale)


def _place(value: float) -> float:
    """Return the bound for a value that may be added: 10 after a ten, 0 after a unit."""
    return 10 if value >= 20 and value % 10 == 0 else 0


def _value(token: str) -> tuple[float | None, frozenset[str]]:
    if token in _VALUES:
        return _VALUES[token], frozenset()
    if clock := _CLOCK.fullmatch(token):
        hour, minute = int(clock[1]), int(clock[2])
        if ":" in token and hour < 25 and minute < 60:
            return None, _clock_keys(hour, minute)
        if hour < 25 and minute < 60:  # "7.30" and "7,30" are a time, a price or a fraction.
            share = float(token.replace(",", "."))
            return share, _clock_keys(hour, minute) | {f"{share:.12g}"}
    if _THOUSANDS.fullmatch(token):
        return float(token.replace(",", "").replace(" ", "")), frozenset()
    if re.fullmatch(r"\d+(?:\.\d+)?", token):
        return float(token), frozenset()
    return None, frozenset(re.findall(r"\d+", token))  # "3,4" or "1.2.3": each number.


def _clock_keys(hour: int, minute: int) -> frozenset[str]:
    hours = {hour, hour - 12} if hour > 12 else {hour}
    return frozenset({f"{h}:{minute:02d}" for h in hours} | ({str(h) for h in hours} if minute == 0 else set()))


def _in_24_hours(number: Number) -> Number:
    """Add the 24-hour key: "6 pm" can be "18" in the source."""
    if number.value is None or number.value > 11:
        return number
    return Number(number.start, number.end, number.value, number.keys | {f"{number.value + 12:.12g}"})


def _joined(numbers: "Iterator[Number] | list[Number]") -> list[Number]:
    """Join pairs: "seven thirty" is one time, "nineteen ninety" one year."""
    found: list[Number] = []
    for number in numbers:
        before = found[-1] if found else None
        if before and number.start - before.end == 1 and (keys := _pair(before, number)):
            found[-1] = Number(before.start, number.end, None, keys)
        else:
            found.append(number)
    return found


def _pair(first: Number, second: Number) -> frozenset[str]:
    if first.value is None or second.value is None:
        return frozenset()
    hour, minute = first.value, second.value
    if 1 <= hour <= 12 and 10 <= minute < 60:
        return frozenset({f"{hour:.0f}:{minute:02.0f}"})
    if 10 < hour < 100 and 10 <= minute < 100:
        return frozenset({f"{100 * hour + minute:.0f}"})
    return frozenset()


def _past(minutes: str, is_past: bool, hour: str) -> set[str]:
    """Return the keys of "half past six" or "ten to seven"."""
    amounts = {"half": 30, "quarter": 15, **_VALUES}
    minute = int(minutes) if minutes.isdecimal() else amounts.get(minutes)
    of = int(hour) if hour.isdecimal() else _VALUES.get(hour)
    if minute is None or of is None or not 0 < minute < 60 or not 0 < of < 13:
        return set()
    return {f"{of}:{minute:02d}"} if is_past else {f"{(of - 2) % 12 + 1}:{60 - minute:02d}"}
