"""Recognizes dates and times as programs write them, in the languages of the CLDR tables and any decimal digits."""

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from assistant.records import Record

_CONNECTORS = (
    "at à a às alle ore um uhr klo kl kl. om o v ve в о у saat vid lúc pukul pkl a las las von på den "
    "der le el em de del del_ na ob"
)
_DAYS_AGO = (
    "today yesterday heute gestern vorgestern hoy ayer aujourd'hui aujourd’hui hier oggi ieri hoje "
    "ontem vandaag gisteren idag igår i_dag i_går "
    "tänään eilen dzisiaj wczoraj dnes včera сегодня вчера сьогодні вчора bugün dün اليوم أمس امروز "
    "دیروز היום אתמול आज कल 今天 昨天 今日 昨日 오늘 어제 วันนี้ เมื่อวาน hôm_nay hôm_qua hari_ini kemarin"
)

_CLOCK_LIKE = re.compile(r"\d[:.h]\d\d")
_LONGEST_STAMP = 120
"""The maximum position, in characters, at which a stamp ends."""


class Stamp(Record, frozen=True):
    """A date and time at the start of a line. `end` is the index after the stamp and its enclosing or following marks.

    `shape` is what all stamps of a file share: whether they are bracketed, and whether they have a date.
    """

    text: str
    end: int
    shape: tuple[bool, bool]


def plain(line: str) -> str:
    """Return the line with ASCII digits and plain spaces, for matching. Every character keeps its position."""
    return line.translate(_plain_table())


def stamp_at_start(line: str) -> Stamp | None:
    """Return the stamp at the start of the line, or None."""
    start = plain(line[:_LONGEST_STAMP])
    match = _leading().match(start) if _CLOCK_LIKE.search(start) else None
    if not match:
        return None
    text = line[match.start("moment") : match.end("moment")]
    return Stamp(text=text.strip(), end=match.end(), shape=(bool(match["open"]), bool(match["date"] or match["later"])))


def is_moment(line: str) -> bool:
    """Whether the whole line is a date, a time or both."""
    return len(line) <= 80 and _is_whole(plain(line.strip()))


def is_clock(line: str) -> bool:
    """Whether the whole line is a time, with or without a date before it, or a duration such as 1:02:15."""
    return has_clock(line) and len(line) <= 80 and _is_whole_clock(plain(line.strip()))


def date_in(time: str) -> str:
    """Return the date in a time as the source writes it; empty if there is none."""
    start = plain(time[:80])
    match = re.match(rf"{_date()}", start, re.IGNORECASE) or re.search(r"(?<=, )\d{1,4}([./-])\d{1,2}\1\d{1,4}$", start)
    return time[match.start() : match.end()] if match and re.search(r"\d", match.group()) else ""


def has_clock(line: str) -> bool:
    """Whether the line contains anything like a time: a fast check before a slow match."""
    return bool(_CLOCK_LIKE.search(plain(line)))


def moment_pattern() -> str:
    """Return a pattern of a time, with or without a date, for use in patterns on `plain` lines. It has no groups."""
    return _unnamed(_moment())


def date_pattern() -> str:
    """Return a pattern of a date alone, for `plain` lines. It has no groups."""
    return _date()


def has_calendar_word(name: str) -> bool:
    """Whether a possible name contains a digit and a month, a weekday or AM/PM, which no name does."""
    found = plain(name).casefold()
    return bool(re.search(r"\d", found)) and bool(_calendar().search(found))


@lru_cache(maxsize=8192)
def _is_whole(line: str) -> bool:
    return bool(_whole().fullmatch(line))


@lru_cache(maxsize=8192)
def _is_whole_clock(line: str) -> bool:
    return bool(_whole_clock().fullmatch(line))


@cache
def _plain_table() -> dict[int, str]:
    table = {code: str(unicodedata.decimal(chr(code))) for code in range(0x80, 0x1FBFA) if chr(code).isdecimal()}
    table |= dict.fromkeys(
        (0xA0, 0x202F, 0x2007, 0x2009, 0x3000, 0x200E, 0x200F, 0x061C, 0xFEFF, 0x202A, 0x202B, 0x202C), " "
    )
    return table | {0xFF1A: ":", 0x060C: ",", 0x3001: ","}


@cache
def _words() -> dict[str, list[str]]:
    text = files("assistant.dialogue").joinpath("calendar_words.toml").read_text(encoding="utf-8")
    return {kind: [word.strip() for word in row.split("|")] for kind, row in tomllib.loads(text).items()}


def _any(words: list[str]) -> str:
    """Return a pattern that matches the longest of the words. It is a trie, which compiles in less than half the time
    of an alternation of a thousand words.
    """
    tree: dict[str, Any] = {}
    for word in filter(None, words):
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = {}
    return f"(?:{_branches(tree)})"


def _branches(node: dict[str, Any]) -> str:
    letters = [re.escape(letter) + _branches(below) for letter, below in node.items() if letter]
    if not letters:
        return ""
    if len(letters) == 1 and "" not in node:
        return letters[0]
    return f"(?:{'|'.join(letters)}){'?' if '' in node else ''}"


@cache
def _calendar() -> re.Pattern[str]:
    words = _words()
    return re.compile(rf"(?<!\w){_any([*words['months'], *words['days'], *words['periods']])}(?!\w)")


@cache
def _date() -> str:
    words = _words()
    month, day = _any(words["months"]), _any(words["days"])
    ago = _any([word.replace("_", " ") for word in _DAYS_AGO.split()])
    weekday = rf"(?:\(?{day}\.?\)?,?\s?)"
    return (
        rf"(?:{weekday}?(?:\d{{1,4}}[./-]\s?\d{{1,2}}[./-]\s?\d{{1,4}}\.?|"
        rf"(?:\d{{2,4}}[年년]\s?)?\d{{1,2}}[月월]\s?\d{{1,2}}[日일]|"
        rf"\d{{1,2}}[/-]{month}[/-]\d{{2,4}}|{_named_date()})\s?{weekday}?|{ago}|{day}\.?)"
    )


@cache
def _named_date() -> str:
    """Return a pattern of a date with a named month: "3 May 2024", "May 3rd"."""
    month = _any(_words()["months"])
    return (
        rf"(?:\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?\s?(?:de\s)?{month}\.?(?:,?\s(?:de\s)?\d{{4}})?|"
        rf"{month}\.?\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?)"
    )


@cache
def _clock() -> str:
    period = _any(_words()["periods"])
    return (
        rf"(?:{period}\.?\s?)?\d{{1,3}}(?:[:h][0-5]\d(?::[0-5]\d)?(?:[.,]\d{{1,6}})?|"
        rf"\.[0-5]\d(?![.\d]))(?:\s?{period}(?!\w)\.?)?(?:\s?uhr)?"
        r"(?:\s?(?:z|utc|gmt|(?-i:[A-Z]{3,4})|[+-]\d\d:?\d\d)(?!\w))?"
    )


@cache
def _moment() -> str:
    connector = _any([word.replace("_", " ") for word in _CONNECTORS.split()])
    short = r"\d{1,2}[/.-]\d{1,2}\.?"
    between = rf"(?:[,T]?\s?\s?\s?|\s?[·•|]\s?)(?:{connector}\.?\s)?"
    # "12:01, 5/3/2024", copied from WhatsApp Web; "12:01 03/05/2024" from Zalo; "12:01 PM May 3"
    numbers = r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
    after = rf"(?:,?\s(?P<later>{numbers}|{_named_date()})(?![\w:]))?"
    return rf"(?:(?P<date>{_date()}|{short}){between})?{_clock()}{after}"


def _unnamed(pattern: str) -> str:
    return pattern.replace("?P<date>", "?:").replace("?P<later>", "?:")


@cache
def _leading() -> re.Pattern[str]:
    return re.compile(
        (
            rf"\s*(?P<open>[\[(<]?)\s?(?P<moment>{_moment()})(?:\s-->\s{_clock()})?(?:\s?[\])>]:?|\s[-–—](?=\s)|:(?=[^\s\d]|\s)|,"
            rf"(?=\s)|(?=[\t ]))\s*(?!\d{{1,2}}[:.]\d\d)"
        ),
        re.IGNORECASE,
    )


@cache
def _whole() -> re.Pattern[str]:
    return re.compile(rf"[\[(—–\-\s]*(?:{_unnamed(_moment())}|{_date()})[\])—–\-\s:]*", re.IGNORECASE)


@cache
def _whole_clock() -> re.Pattern[str]:
    until = rf"(?:\s?[-–]\s?{_clock()})?"
    return re.compile(rf"[\[(—–\-\s]*{_unnamed(_moment())}{until}[\])\s:]*", re.IGNORECASE)
