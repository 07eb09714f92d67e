"""Reads what chat programs export or paste: messages with times, and the lines between them that nobody said."""

import itertools
import re
from collections import Counter
from typing import NamedTuple

from assistant.dialogue.turns import Reading, clean_name, fold, is_name, looks_like_name, make_turn, split_head
from assistant.dialogue.unsaid import is_count, is_event, is_placeholder, without_mark
from assistant.records import Turn

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,]\d{1,6})?(?:\s?[AaPp]\.?\s?[Mm]\b\.?)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAY = (
    rf"(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?"
    rf"|\d{{1,2}}\.?\s{_MONTH}(?:\s\d{{4}})?|[Tt]oday|[Yy]esterday|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
)
# A date may lack its year beside a time; alone, "3/4" is a number.
_MOMENT = rf"(?:(?:{_DAY}|\d{{1,2}}[/-]\d{{1,2}})(?:,|T|\sat)?\s?)?{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
# "[12:03] ", "12/03/2026, 12:03 - ", "(12:03) "; never "12:30 - 13:00", which is a span of time.
_STAMP = re.compile(rf"[\[(]?({_MOMENT})[\])]?\s?(?:[-–—]\s|\s|(?<=[\])]))\s*(?!\d{{1,2}}[:.]\d\d)")
_IRC = re.compile(r"<[@+~&%]?([^<>\s]{1,40})>\s+(.*)")
_ZOOM = re.compile(r"From\s{1,4}([^:]{1,80}?)(?:\s{1,4}to\s{1,4}[^:]{1,80})?\s{0,4}:\s*(.*)")
_WHOLE_MOMENT = re.compile(rf"[\[(]?{_MOMENT}[\])]?")

# A name line of a paste, one style for each program; the style of the first decides which lines count.
_HEADERS = {
    "discord": re.compile(rf"(\S.{{0,60}}?)\s[—–-]\s({_MOMENT})"),
    "telegram": re.compile(rf"(\S.{{0,60}}?),\s\[({_MOMENT})\]:?"),
    "slack, older": re.compile(rf"(\S.{{0,60}}?)\s+\[({_MOMENT})\]"),
    "teams": re.compile(rf"(?P<time>\[{_MOMENT}\])\s+(?P<name>\S.{{0,60}})"),
    # Last, since a dash is no part of a name.
    "slack": re.compile(rf"(\S.{{0,60}}?)(?:\s+APP)?(?:\s+|(?<=[^\W\d]))({_MOMENT})"),
}
_DAY_LINE = re.compile(rf"[-–—\s]*(?:\w{{6,9}},?\s)?{_DAY}[-–—\s]*", re.IGNORECASE)
_GUEST = re.compile(r"\s\((?:Guest|External|Unverified)\)")
# "Lunch 12:30" looks like a name with a time; so a name has to come back where no more than one space and no "PM" say
# that a program wrote it.
_WEAK = "slack?"
_MIN_SHARE = 1 / 5
_OPENING_LINES = 5
_LONGEST_UNSAID = 300


class _Header(NamedTuple):
    style: str
    name: str
    time: str


def read_chat(text: str) -> Reading | None:
    """`[12:03] Name: text`: every message starts with a time, and what has a time but no name was said by nobody."""
    lines = [line.strip() for line in text.split("\n")]
    if not any(map(_STAMP.match, lines[: _opening(lines)])):
        return None
    stamps = [_STAMP.match(line) for line in lines]
    if sum(map(bool, stamps)) < _MIN_SHARE * sum(map(bool, lines)):
        return None
    messages: list[tuple[str, str, list[str]]] = []
    left_out = 0
    for line, stamp in zip(lines, stamps, strict=True):
        message = _message(line[stamp.end() :]) if stamp else None
        if stamp and message:
            messages.append((message[0], stamp[1], [message[1]]))
        elif stamp or not messages or _is_unsaid(line):
            left_out += bool(line)
        else:
            messages[-1][2].append(line)
    return _finish(messages, left_out) if messages else None


def read_paste(text: str) -> Reading | None:
    """A line with a name and a time, then what that person wrote, as copied out of Slack, Teams, Discord or Telegram.

    The time may stand on a line of its own. Only headers in the style of the first count, so that "Lunch 12:30" inside
    a message opens none.
    """
    lines = [line.strip() for line in text.split("\n")]
    opening = _join_headers(lines[: _opening(lines)])
    style = next((header.style for line in opening if (header := _header(line))), "")
    if not style:
        return None
    lines = _join_headers(lines)
    headers = [_header(line, style) for line in lines]
    if not _explains(headers, lines):
        return None
    messages: list[tuple[str, str, list[str]]] = []
    left_out = 0
    before = ""
    for line, header in zip(lines, headers, strict=True):
        if header:
            messages.append((header.name, header.time, []))
        elif not messages or _is_unsaid(line) or is_count(line, before):
            left_out += bool(line)
        else:
            messages[-1][2].append(line)
        before = line
    return _finish(messages, left_out)


def _message(rest: str) -> tuple[str, str] | None:
    """Name and text of what stands behind a time, or None for a line of the program's own."""
    for pattern in (_IRC, _ZOOM):
        if match := pattern.match(rest):
            return match[1], match[2]
    if is_event(rest.partition(":")[0]):
        return None
    head = split_head(rest.removeprefix("~").lstrip())  # WhatsApp marks people who are no contacts by "~".
    return (head.name, head.text) if head else None


def _finish(messages: list[tuple[str, str, list[str]]], left_out: int) -> Reading:
    turns: list[Turn] = []
    for name, time, said in messages:
        said_lines = [without_mark(line) for line in said if not (line and _is_unsaid(line))]
        left_out += len(said) - len(said_lines)
        if turn := make_turn(name, "\n".join(said_lines), time.strip("[]()")):
            turns.append(turn)
    return Reading(turns=tuple(turns), left_out=left_out)


def _is_unsaid(line: str) -> bool:
    if len(line) > _LONGEST_UNSAID:
        return False
    return is_placeholder(line) or any(pattern.fullmatch(line) for pattern in (_WHOLE_MOMENT, _DAY_LINE))


def _opening(lines: list[str]) -> int:
    """The number of lines up to and with the fifth that is not empty."""
    written = [number for number, line in enumerate(lines[:100], start=1) if line]
    return written[min(_OPENING_LINES, len(written)) - 1] if written else 0


def _header(line: str, style: str = "") -> _Header | None:
    """The name line of a paste, in the given style or the first that matches."""
    if len(line) > 120:
        return None
    for kind, pattern in _HEADERS.items():
        if style.strip("+?") not in ("", kind) or not (match := pattern.fullmatch(line)):
            continue
        groups = match.groupdict() or {"name": match[1], "time": match[2]}
        name, time = _GUEST.sub("", fold(groups["name"])), groups["time"]
        marked = kind + "+" * time.lower().rstrip(".").endswith("m")
        if marked == "slack" and f"  {time}" not in line:
            marked = _WEAK
        if style in ("", marked) and is_name(name) and looks_like_name(name) and not name[0].isdigit():
            return _Header(marked, clean_name(name), time)
    return None


def _join_headers(lines: list[str]) -> list[str]:
    """Put a time that stands alone behind the name that stands alone before it: "Ana", "12:03" -> "Ana  12:03"."""
    joined: list[str] = []
    for line in lines:
        alone = 0 < len(line) <= _LONGEST_UNSAID and _WHOLE_MOMENT.fullmatch(line)
        before = joined[-1] if joined else ""
        if alone and is_name(before) and looks_like_name(before) and not _header(before) and not _is_unsaid(before):
            joined[-1] = f"{before}  {line}"
        else:
            joined.append(line)
    return joined


def _explains(headers: list[_Header | None], lines: list[str]) -> bool:
    """Whether most headers have text behind them, and look like a program's."""
    found = [header for header in headers if header]
    if not found:
        return False
    written = [header for header, line in zip(headers, lines, strict=True) if line]
    followed = sum(one is not None and after is None for one, after in itertools.pairwise(written))
    returning = Counter(header.name for header in found).most_common(1)[0][1] > 1
    return followed >= len(found) / 2 and (returning or found[0].style != _WEAK)
