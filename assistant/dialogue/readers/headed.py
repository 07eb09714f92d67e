"""Reads messages under header lines of name and time: text copied from Slack, Teams, Discord, Reddit or WeChat, and
transcripts by Otter, Rev and Teams.
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from assistant.dialogue.notices import is_notice, kind_of, without_mark
from assistant.dialogue.readers.messages import HEADERS, MEDIA, NOTICES, QUOTED, REACTIONS, Message, reading_of
from assistant.dialogue.stamps import (
    date_pattern,
    has_calendar_word,
    has_clock,
    is_clock,
    is_moment,
    moment_pattern,
    plain,
)
from assistant.dialogue.turns import NARRATOR, Reading, fold, is_name, looks_like_name
from assistant.records import Record

_LONGEST_HEADER = 140
_SAMPLE = 400
"""The number of first lines that determine the style of headers."""
_WEAK = frozenset({"space", "glued", "comma", "space, first", "wide, first"})
"""Separators that also occur in sentences: "Lunch 12:30"."""
_LENGTH = re.compile(
    r"(?:\d+\s(?:hours?|minutes?|seconds?|stunden?|minuten?|sekunden?|heures?|horas?|minutos?|segundos?)\s?){1,3}",
    re.IGNORECASE,
)
_WORD_FIRST = re.compile(r"[^\W\d]+(?=\s)")
_DASH = re.compile(r"[—–•·-]")
_DATE_LIKE = re.compile(r"[^\W\d]{3,}|\d{4}")
_READ = re.compile(
    r"\s*\((?:\d+ \w+ ago|(?:read|delivered|edited)\b[^)]*)\)\s*$|, (?:edited|bearbeitet)$", re.IGNORECASE
)
_SUFFIX = re.compile(
    r"\s(?:APP|BOT|OP)$|\s<[^<>\s]+@[^<>\s]+>$|^by\s|\(\d{5,11}\)$|\s\((?:Guest|External|Unverified|Gast|Invité|Invitado)\)$|:\S*:$|"
    r"\s[\U0001F300-\U0001FAFF☀-➿]+\ufe0f?$"
)
_REPLYING = re.compile(r"\[in reply to .{1,80}\]", re.IGNORECASE)
_ITALIC_LINE = re.compile(r"\*[^*]{3,100}\*")
_MARKS = ("New", "Edited", "(edited)")
_VOTES = re.compile(r"(?:upvote|downvote|reply|share|award|\d+|[\d.]+k|\d+ more repl(?:y|ies)|vote)", re.IGNORECASE)
_PASSED = (
    r"(?:(?:\d+|an?)\s?(?:s|m|h|d|w|mo|y|min|hr|sec|second|minute|hour|day|week|month|year)s?\.?\sago|"
    r"(?:vor|hace|il y a)\s\d+\s\w{1,8}\.?)"
)
_DATED = re.compile(r"\d{1,4}[./-]\d|\d+[年년月월]|[^\W\d]{2,}|.*,?\s\d+[./-]\d")
_AGO = re.compile(_PASSED, re.IGNORECASE)
_SHORT_AGO = re.compile(r"\d{1,2}\s?(?:m|h|d|w|min)")
_TIMED = re.compile(
    rf"\d[:.h]\d\d|\d{{4}}|\d/\w+/\d|[^\W\d]{{3,}}\.? \d{{1,2}}$|\d\.? [^\W\d]{{3,}}$|\s\d{{1,2}}\s?[mhdw]|{_PASSED}",
    re.IGNORECASE,
)
"""What every header contains: a fast check before a slow match."""
_ENGLISH_DAYS = frozenset(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
_POSTED = re.compile(
    r"(?P<name>\S.{0,60}?)\s(?P<verb>commented|added a comment|made a comment|replied|posted|wrote|said|"
    r"schrieb|a écrit|escribió|escreveu|ha scritto|schreef|napisała?|skrev)"
    r"(?:\s(?:on|at|am|le|el|em|il|op|den)|\s[-–—])?\s(?P<time>.{4,40}?):?",
    re.IGNORECASE,
)
_ADDRESSEE = re.compile(
    r"(?:to|cc|an|à|para|aan): \S.{0,120}|(?:to me|an mich|à moi|para mí|a me)|@[\w.@-]{1,60}", re.IGNORECASE
)
_ADDRESSED = re.compile(r"from (?P<name>\S.{0,60}?) (?P<verb>to) [^:]{1,60}:\s+(?P<time>.{4,40})", re.IGNORECASE)
_LINKED = re.compile(rf"(?P<name>\S{{1,40}}) (?P<time>{_PASSED})(?P<verb> \| ).*\[[–-]\].*", re.IGNORECASE)
_FOOT = re.compile(
    (
        r"transcribed by https?://\S+|.{1,60} (?:started|stopped) transcription|transcription ended after "
        r".*|this editable transcript was .*|=+|-{5,}|exported \d+ message.*|(?:guild|channel): .*|"
        r".{1,60} sent the following messages? at .{4,20}|view .{1,60}['’]s profile"
    ),
    re.IGNORECASE,
)


class _Header(Record, frozen=True):
    style: str
    name: str
    time: str


def read_headed(text: str) -> Reading | None:
    """Read header lines with a name and a time, in either order or on two lines, each followed by that person's text.

    The most common style decides which lines are headers, so that "Lunch 12:30" inside a message is none.
    """
    lines = _joined(_without_addressees(_unvoted([line.strip() for line in text.split("\n")])))
    opening = lines[:_SAMPLE]
    style = _best_style([_header(line) for line in opening], opening)
    if not style:
        return None
    headers = [one if (one := _header(line)) and one.style == style else None for line in lines]
    messages: list[tuple[_Header, list[str]]] = []
    left_out: Counter[str] = Counter()
    for line, header in zip(lines, headers, strict=True):
        if header:
            messages.append((header, []))
        elif not messages:
            left_out[HEADERS] += bool(line)
        else:
            messages[-1][1].append(line)
    names = tuple({header.name for header, _ in messages})
    found = [
        Message(speaker=header.name, text="\n".join(_said(said, left_out, names)), time=header.time)
        for header, said in messages
    ]
    return reading_of(found, left_out)


def read_timed(text: str) -> Reading | None:
    """Read a transcript without speakers, as YouTube shows it: a time on a line by itself, then the text."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    clocks = [is_clock(line) for line in lines]
    if (
        len(lines) < 4
        or not clocks[0]
        or sum(clocks) < len(lines) / 5
        or any(a and b for a, b in itertools.pairwise(clocks))
    ):
        return None
    messages: list[tuple[str, list[str]]] = []
    for line, is_time in zip(lines, clocks, strict=True):
        if is_time:
            messages.append((line, []))
        else:
            messages[-1][1].append(line)
    found = [Message(speaker=NARRATOR, text=" ".join(said), time=time) for time, said in messages]
    return reading_of(found, {}, "Transcript without speakers")


def _unvoted(lines: list[str]) -> list[str]:
    """Drop a forum's buttons if the text has votes, a count above "Reply", or links after a time."""
    is_count = any(line.isdigit() and lines[at + 1 : at + 3][-1:] == ["Reply"] for at, line in enumerate(lines))
    is_linked = any(len(line) <= _LONGEST_HEADER and _LINKED.fullmatch(line) for line in lines)
    if not is_count and not is_linked and not {"upvote", "downvote"} <= {line.casefold() for line in lines}:
        return lines
    return [line for line in lines if not _VOTES.fullmatch(line)]


def _joined(lines: list[str]) -> list[str]:
    """Join a name and a time on separate lines, in either order: "Ana", "12:03" -> "Ana  12:03"."""
    lines = [line for line in lines if not _DASH.fullmatch(line)]
    joined: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        after = lines[place + 1] if place + 1 < len(lines) else ""
        if _is_time_line(line):
            if joined and _is_bare_name(joined[-1]) and not has_clock(joined[-1]):
                joined[-1] = f"{joined[-1]}  {_time_of(line)}"
                place += 1
                continue
            beyond = lines[place + 2] if place + 2 < len(lines) else ""
            if _is_bare_name(after) and not _is_time_line(beyond):
                joined.append(f"{after}  {_time_of(line)}")
                place += 2
                continue
        joined.append(line)
        place += 1
    return joined


def _is_time_line(line: str) -> bool:
    if _AGO.fullmatch(line) or _SHORT_AGO.fullmatch(line):
        return True
    if not line or len(line) > 120 or not (line[0].isdigit() or _TIMED.search(plain(line))):
        return False
    bare = _READ.sub("", line)
    if not bare or len(bare) > 60:
        return False
    return is_clock(bare.lstrip("—– ")) or _LENGTH.fullmatch(bare) is not None or _is_date(bare)


def _is_date(line: str) -> bool:
    """Whether the line is a date with a named month or a year: "May 3"."""
    return is_moment(line) and any(map(str.isdigit, line)) and bool(_DATE_LIKE.search(line))


def _time_of(line: str) -> str:
    bare = _READ.sub("", line).lstrip("—– ")
    if _LENGTH.fullmatch(bare):
        parts = [int(number) for number in re.findall(r"\d+", bare)]
        return ":".join(f"{part:02d}" for part in ([0] * (2 - len(parts)) + parts))
    return bare


def _without_addressees(lines: Sequence[str]) -> list[str]:
    """Drop lines between a sender's name and the time: the addressee, or the sender's handle."""
    kept: list[str] = []
    for place, line in enumerate(lines):
        near = [line for line in lines[place + 1 : place + 3] if not _DASH.fullmatch(line)][:1]
        before = kept[-1] if kept else ""
        if _ADDRESSEE.fullmatch(line) and (
            (_is_bare_name(before) and near and _is_time_line(near[0])) or _is_time_line(before) or _header(before)
        ):
            continue
        kept.append(line)
    return kept


def _is_bare_name(line: str) -> bool:
    return bool(line) and is_name(line) and looks_like_name(line) and not is_moment(line) and line[-1] not in ".!?:,;"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of headers: name before time with a strong separator, the same with a weak one or none, a
    bracketed time first, and a bare time first.
    """
    moment = moment_pattern()
    dated = r",\s(?=\d{1,2}\s|\d{1,2}:|[A-Z][a-z]{2,8}\.?\s\d{1,2}\b)"
    strong = rf"(?P<between>{dated}|,?\s+\[|\s»\s|\s*\*?\(|\s[—–-]\s|\s[·•|]\s|\s\s+|\t)"
    weak = r"(?P<between>\s|(?<=[^\W\d])(?=\d))"
    return (
        re.compile(
            rf"(?P<name>\S.{{0,70}}?){strong}(?P<time>{moment}|{_PASSED}|{_SHORT_AGO.pattern}|{date_pattern()})[\])]?\*?:?",
            re.IGNORECASE,
        ),
        re.compile(rf"(?P<name>\S.{{0,70}}?){weak}(?P<time>{moment}|{date_pattern()})", re.IGNORECASE),
        re.compile(rf"\[(?P<time>{moment})\](?P<between>\s+(?:-\s)?)(?P<name>\S.{{0,60}})", re.IGNORECASE),
        re.compile(rf"(?:\*\s)?(?P<time>{moment})(?P<between>\s[-|·•]\s|\s+)(?P<name>[^\s\d].{{0,60}})", re.IGNORECASE),
    )


def _header(line: str) -> _Header | None:
    """Parse a line as a header. Its style is the separator of name and time, whether there is a date or clock time,
    which comes first, and whether the time ends in AM or PM.
    """
    if len(line) > _LONGEST_HEADER:
        return None
    bare = _READ.sub("", line)
    if not bare or not _TIMED.search(plain(bare)):
        return None
    return _posted(bare) or _name_and_time(bare)


def _posted(bare: str) -> _Header | None:
    """Parse name, verb and time, as issue trackers write them: "ana commented on May 3, 2024"."""
    match = _POSTED.fullmatch(bare) or _ADDRESSED.fullmatch(bare) or _LINKED.fullmatch(bare)
    if not match or not (is_moment(match["time"]) or _AGO.fullmatch(match["time"])):
        return None
    return _header_of(match["name"], match["verb"], match["time"])


def _name_and_time(bare: str) -> _Header | None:
    strong, weak, behind, first = _patterns()
    found = plain(bare)
    is_first = bare[0].isdigit() or bare.startswith("* ")
    is_behind = bare[0] == "["
    if is_first or is_behind:
        match = (first if is_first else behind).fullmatch(found)
    else:
        match = strong.fullmatch(found)
        if not match or has_clock(match["name"]):  # "Ana 12:00pm, May 3"
            match = weak.fullmatch(found)
    if not match:
        return None
    start, end, cut = match.start("name"), match.end("name"), match.start("time")
    if match["name"].endswith(",") and (word := _WORD_FIRST.match(found, cut)) and word[0] not in _ENGLISH_DAYS:
        end = cut = word.end()  # "O'Neil, Sam 2024-05-03": Sam is no Saturday
    has_period = bool(re.search(r"[ap]\.?\s?m\.?$", match["time"], re.IGNORECASE))
    style = _style_of(match["between"]) if not is_behind else "time first"
    if style in _WEAK and _DATED.match(match["time"]):
        style = f"{style}, dated"
    if not has_clock(match["time"]):
        style = f"{style}, no clock"
    if is_first:
        style = f"{style}, first"
    time = bare[cut : match.end("time")].strip()
    return _header_of(bare[start:end], style + "+" * has_period, time)


def _header_of(name: str, style: str, time: str) -> _Header | None:
    """Return the header, or None if the name is not one."""
    name = fold(_SUFFIX.sub("", _SUFFIX.sub("", name.strip("*#, "))))
    if not is_name(name) or not looks_like_name(name) or name[0].isdigit() or has_calendar_word(name):
        return None
    return _Header(style=style, name=name, time=time)


def _style_of(between: str) -> str:
    marks = between.strip(", *")
    if marks:
        return marks
    if not between:
        return "glued"
    if between.startswith(","):
        return "comma"
    return "wide" if len(between) > 1 or "\t" in between else "space"


def _best_style(headers: Sequence[_Header | None], lines: Sequence[str]) -> str:
    """Return the most common style that looks like a program's; empty if there is none."""
    counted = Counter(one.style for one in headers if one)
    for style, count in counted.most_common():
        places = [place for place, one in enumerate(headers) if one and one.style == style]
        names = Counter(one.name for one in headers if one and one.style == style)
        followed = sum(_is_followed(place, places, lines) for place in places)
        returning = names.most_common(1)[0][1] > 1
        opens = places[0] == next(place for place, line in enumerate(lines) if line)
        is_program_s = style.rstrip("+") not in _WEAK and (count > 1 or opens)
        if followed >= count / 2 and (returning or is_program_s):
            return style
    return ""


def _is_followed(place: int, places: Sequence[int], lines: Sequence[str]) -> bool:
    """Whether text comes before the next header."""
    for later in range(place + 1, len(lines)):
        if lines[later]:
            return later not in places
    return False


def _said(lines: Sequence[str], left_out: Counter[str], names: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    days: list[str] = []
    before = ""
    for line in _unattached(lines, left_out):
        kind = kind_of(line)
        if not line:
            kept.append(line)
        elif is_moment(line):
            days.append(line)
            left_out[NOTICES] += 1
        elif _REPLYING.fullmatch(line) or line.startswith(">"):
            left_out[QUOTED] += 1
        elif kind:
            left_out[kind] += 1
        elif line.isdigit() and len(line) <= 3 and kind_of(before) == REACTIONS:
            left_out[REACTIONS] += 1
        elif _is_program_s(line, names):
            left_out[NOTICES] += 1
        else:
            kept.append(without_mark(line))
        before = line
    if days and not any(kept):  # "Sunday" alone is an answer, not a heading over the next day's messages
        left_out[NOTICES] -= len(days)
        return days
    return kept


def _unattached(lines: Sequence[str], left_out: Counter[str]) -> list[str]:
    """Drop DiscordChatExporter's lists of attachments, which end with an empty line."""
    kept: list[str] = []
    is_list = False
    for line in lines:
        is_list = bool(line) and (is_list or line == "{Attachments}")
        left_out[MEDIA] += is_list
        if not is_list:
            kept.append(line)
    return kept


def _is_program_s(line: str, names: tuple[str, ...]) -> bool:
    """Whether a line under a message does not belong to it: a footer, or what a speaker did in the program."""
    if _FOOT.fullmatch(line) or _ITALIC_LINE.fullmatch(line) or line in _MARKS:
        return True
    return ":" not in line and line.startswith(names) and is_notice(line)
