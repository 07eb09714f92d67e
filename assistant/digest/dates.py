"""Finds times as people say them ("by Friday", "before lunch"), and the dates they mean."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from assistant.digest.cues import Cues

_YEAR = re.compile(r"\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_NUMERIC = re.compile(r"(?<![\d:./-])(\d{1,2})([./-])(\d{1,2})\2\d{2,4}")
_PERIOD = re.compile(r"\d\s?[ap]\.?\s?m\b", re.IGNORECASE)
_CLOCK = r"\d{1,2}(?:[:.]\d{2}|\s?h(?!\w))(?:\s?[ap]\.?m\.?)?(?!\d|[.,]\d)|\d{1,2}\s?[ap]\.?m\b\.?"
_NUMBERS = re.compile(r"\d+")
_ORDINAL = re.compile(r"(?<![\w.:/-])(\d{1,2})(?:st|nd|rd|th|er|º|\.)(?![\w])", re.IGNORECASE)
_LONE_DAY = r"\d{1,2}(?:er|º)?(?=\s*(?:[;!?)]|,(?!\d)|\.?\s*$))"
"""A number that counts nothing: "el 12", but not "el 12 %"."""
_TWO_MONTHS = 62
"""Every day of a month recurs in fewer days than this; from 31 August to 31 October it takes 61."""


@cache
def when_pattern(cues: Cues) -> re.Pattern[str]:
    """Return a pattern of phrases that name a time, with the words before them ("by", "on the")."""

    def any_of(*names: str) -> str:
        return _any({word for name in names for word in cues.words(name)})

    day, month, short = any_of("weekdays"), any_of("months"), any_of("months", "months_short")
    number = rf"(?:\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?|{any_of('numbers')})"
    joined = r"(?:\s(?:of|de))?\s"
    core = "|".join(
        (
            rf"{number}(?:\s?[-–]\s?\d{{1,2}})?{joined}{short}(?:\s\d{{4}})?",
            rf"{short}\s{number}(?:,?\s\d{{4}})?",
            r"\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d\d)?(?!\d)|\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}(?![\d/])",
            rf"{any_of('weekdays_short')}(?=\.?\s\d)",
            rf"{day}s?",
            _CLOCK,
            any_of("relative"),
            rf"{month}(?!\s\w+\s{month})",
            rf"{any_of('spans')}\s(?:\d+|{any_of('number_words')})\s{any_of('units')}(?!['’])",
            rf"\d{{1,2}}(?:st|nd|rd|th)\b|the\s{any_of('numbers')}(?=[\s.,!?]*$|[.,!?])",
        )
    )
    before, parts = any_of("before_times"), any_of("parts")
    alone = rf"{any_of('before_days')}\s(?:{_LONE_DAY}|\d{{1,2}}\.(?![\d\w]))"
    one = rf"(?:(?:{before}\s){{0,3}}(?:{core})|{alone}|{_hour(cues)})(?:\s(?:in the\s)?{parts})?"
    return re.compile(rf"(?<![\w.:/-])(?:{one})(?:(?:,?\s|\s?[-–]\s?){one}){{0,3}}(?![\w])", re.IGNORECASE)


def _hour(cues: Cues) -> str:
    """Return a pattern of an hour in words that counts nothing: "by three", but not "by three votes"."""
    day = _any({word for name in ("parts", "relative", "weekdays") for word in cues.words(name)})
    follows = rf"(?=\s*(?:[.,;!?:)]|$)|\s(?:in the\s|on\s)?{day})"
    return rf"{_any(set(cues.words('before_hours')))}\s{_any(set(cues.words('hours')))}{follows}"


def _any(words: set[str]) -> str:
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return rf"(?:{'|'.join(map(re.escape, ordered))})(?!\w)" if ordered else r"(?:(?!))"


def find_when(text: str, cues: Cues) -> re.Match[str] | None:
    """Return the last time in the text with a word like "by" before it, else the last time."""
    found = [match for match in when_pattern(cues).finditer(text) if match[0].strip()]
    before = cues.pattern("before_times")
    return next((match for match in reversed(found) if before.match(match[0])), found[-1] if found else None)


class Calendar:
    """Finds dates relative to the day on which a turn was said, if the conversation is dated."""

    def __init__(self, times: Sequence[str], cues: Cues) -> None:
        self._times = times
        self._cues = cues
        self._order = _order_of(times)

    def date(self, when: str, turn: int) -> str:
        """Return the ISO date that `when` means as said in `turn`; empty if it is unclear."""
        said = self._said(turn) if when else None
        if said is None:
            return ""
        when = re.sub(rf"(?<!\w){_hour(self._cues)}", " ", when, flags=re.IGNORECASE).strip(" ,")
        if not when:
            return ""
        if number := _day_alone(when, self._cues):
            # A week or month next to it ("the 12th of next month") is not resolved.
            return "" if self._cues.found("units", when) else _next_day(number, said)
        if _plain(when, self._cues).isdigit():
            return ""  # "at 12" is no day, but dateparser reads it as December
        meant = _parse(_plain(when, self._cues), self._cues.codes, RELATIVE_BASE=said, PREFER_DATES_FROM="future")
        return meant.date().isoformat() if meant else ""

    def _said(self, turn: int) -> datetime | None:
        for time in reversed(self._times[: turn + 1]):
            if _YEAR.search(time):
                is_clear = self._order or not _NUMERIC.search(time)
                return _parse(time.strip("[]()"), (), DATE_ORDER=self._order or "DMY") if is_clear else None
        return None


def _order_of(times: Sequence[str]) -> str:
    """Return the order of day and month in dates such as 5/3/2024: "DMY" or "MDY", empty if it is unclear.

    Evidence is a number above 12, dots, AM and PM, or that only one order keeps the messages in sequence.
    """
    dates = [(int(match[1]), int(match[3])) for time in times if (match := _NUMERIC.search(time))]
    if any(second > 12 for _, second in dates):
        return "MDY"
    if any(first > 12 for first, _ in dates) or any(
        "." in match[2] for time in times if (match := _NUMERIC.search(time))
    ):
        return "DMY"
    if any(_PERIOD.search(time) for time in times):
        return "MDY"
    rising = {
        "DMY": all(a[::-1] <= b[::-1] for a, b in itertools.pairwise(dates)),
        "MDY": all(a <= b for a, b in itertools.pairwise(dates)),
    }
    told = [order for order, holds in rising.items() if holds]
    return told[0] if len(told) == 1 else ""


def _day_alone(when: str, cues: Cues) -> int:
    """Return the day of a month named without its month ("by the 12th", "am 12.", "el 12"); 0 if there is none."""
    if cues.pattern("months", "months_short").search(when):
        return 0
    figure = _ORDINAL.search(when) or _told_days(cues).search(when)
    if figure:
        return int(figure[1])
    word = _told_ordinals(cues).search(when)
    orders = [table.get("numbers", []) for table in cues.tables]
    return next((order.index(word[1].lower()) + 1 for order in orders if word and word[1].lower() in order), 0)


@cache
def _told_days(cues: Cues) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){_any(set(cues.words('before_days')))}\s(\d{{1,2}})(?![\w:/-]|[.,]\d)", re.IGNORECASE)


@cache
def _told_ordinals(cues: Cues) -> re.Pattern[str]:
    before = _any({*cues.words("before_times"), *cues.words("before_days")})
    return re.compile(rf"(?<!\w){before}\s({_any(set(cues.words('numbers')))})(?=[\s.,!?]*$|,)", re.IGNORECASE)


def _next_day(number: int, said: datetime) -> str:
    """Return the next date with this day of the month after the day it was said; empty if there is none."""
    days = (said.date() + timedelta(ahead) for ahead in range(1, _TWO_MONTHS))
    return next((day.isoformat() for day in days if day.day == number), "")


def _plain(when: str, cues: Cues) -> str:
    """Return the phrase in a form dateparser knows: without "by", with numbers in digits, and without a weekday if it
    names a month.
    """
    plain = when.lower()
    order = [word for table in cues.tables for word in table.get("numbers", ())]
    for word in sorted(order, key=len, reverse=True):
        plain = re.sub(rf"\b{re.escape(word)}\b", str(order.index(word) + 1), plain)
    within = cues.pattern("units").search(plain) is not None
    plain = re.sub(r"\s+", " ", cues.pattern("before_times").sub(" ", plain)).strip(" ,.")
    if within and _NUMBERS.match(plain):
        return f"in {plain}"
    if cues.pattern("months", "months_short").search(plain):
        plain = cues.pattern("weekdays", "weekdays_short").sub("", plain).strip(" ,.")
    return plain


def _parse(text: str, codes: Sequence[str], **settings: Any) -> datetime | None:
    import dateparser

    try:
        meant: datetime | None = dateparser.parse(
            text, languages=list(codes) or None, settings={"RETURN_AS_TIMEZONE_AWARE": False, **settings}
        )
    except (ValueError, OverflowError):
        return None
    return meant
