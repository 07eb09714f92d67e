"""Reads messages that start with a date or time on a new line: WhatsApp, Telegram, IRC, Zoom, KakaoTalk and others."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from assistant.dialogue.notices import is_notice, kind_of, without_mark
from assistant.dialogue.readers.messages import HEADERS, NOTICES, QUOTED, Message, reading_of
from assistant.dialogue.stamps import Stamp, has_calendar_word, is_clock, is_moment, plain, stamp_at_start
from assistant.dialogue.turns import NARRATOR, Reading, fold, is_name, looks_like_name
from assistant.records import Record

_MARK = "\u200e"
"""iOS puts it before WhatsApp's own messages."""
_MIN_SHARE = 1 / 5
_LONGEST_NAME = 80
_MOST_UNKNOWN = 1 / 10
"""If more than this share of a file's messages has no name, they stay as the narrator's: they may be speech."""
_IRC = re.compile(r"(?:\[[^\[\]]{1,40}\]:\s)?<\s?[@+~&%]?(?P<name>[^<>]{1,40}?)\s?>\s+(?P<text>\S.*)")
_IRC_ACTION = re.compile(r"\s?\*\s(?P<name>[^\s*]{1,40})\s(?P<text>.+)")
_IRC_NOTICE = re.compile(
    r"(?:-!-|\*\*\*|-->|<--|--)\s.*|"
    r"\*\s(?:now talking (?:on|in) .*|topic (?:for|is|set) .*|(?:now )?you are .*|[^\s*]{1,40}\s"
    r"(?:(?:\([^()\s]{1,80}\)\s)?has (?:joined|left|quit)(?:\s[#(].*)?|"
    r"(?:joins|parts|quits)\b.*|is now known as .*|sets mode: .*|"
    r"(?:gives|removes) .{1,60} (?:operator|voice) .*))",
    re.IGNORECASE,
)
_DIARIZED = re.compile(r"[(\[](?P<name>speaker[ _]?\w{1,4})[)\]]:?\s*(?P<text>.*)", re.IGNORECASE)
_WEECHAT = re.compile(r"[@+~&%]?(?P<name>[^\s@+~&%<>|*:-][^\s<>|:]{0,30})\t(?P<text>.*)")
_ZOOM = re.compile(
    (
        r"(?:From\s{1,4})(?P<name>[^:]{1,80}?)(?:\s{1,4}to\s{1,4}[^:]{1,80}?)?(?:\s?\(direct "
        r"message\))?\s{0,4}:\s*(?P<text>.*)"
    ),
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"~?\s?(?P<name>[^:：\n]{{1,{_LONGEST_NAME}}}?)\s?[:：](?P<text>\s.*|[^\s\d/].*|\d.*|)$", re.DOTALL
)
_DASHED = re.compile(r"(?P<name>[^:\n]{1,40}?)-\s(?P<text>.*)")
_TABBED = re.compile(r"(?P<name>[^\t]{1,60})\t(?P<text>.*)", re.DOTALL)
_LOG_EDGE = re.compile(
    r"-{3}\s(?:log (?:opened|closed)|day changed)\s.*|session (?:start|close|ident|time): .*|"
    r"\*{4}\s(?:begin|ending) logging at .*",
    re.IGNORECASE,
)
_NAME_FIRST = re.compile(r"\[(?P<name>[^\[\]]{1,60})\]\s\[(?P<time>[^\[\]]{3,30})\]\s(?P<text>.*)")
_PASSED = re.compile(r"\(\s?(?:(?P<m>\d{1,3})m\s)?(?P<s>\d{1,2})s\s?\)\s(?=\S)")
_DATE_APART = re.compile(r"^\[\s?([\d./-]{6,10})\s?\]\s?\[\s?([\d:]{4,8}(?:\s[AP]M)?)\s?\]")
_POLL = re.compile(r"(?:poll|umfrage|encuesta|sondage|sondaggio|enquete|опрос|anket)\s?:", re.IGNORECASE)
_REPLYING = re.compile(r"replying to \".*", re.IGNORECASE)
_LABELS = (
    (
        "WhatsApp",
        re.compile(
            "end-to-end encrypted|ende-zu-ende|de extremo a extremo|de bout en bout|omitted>|ausgeschlossen>|omitido>",
            re.IGNORECASE,
        ),
    ),
)


class _Line(Record, frozen=True):
    """A raw message: its stamp, and the lines up to the next."""

    stamp: str
    lines: list[str]


def read_stamped(text: str) -> Reading | None:
    """Read `[12:03] Name: text`. A file's stamps have one shape; lines without a stamp continue the message before."""
    lines = [_turned(line) for line in text.split("\n")]
    stamps = [_stamp(line) for line in lines]
    shape = _shape_of(lines, stamps)
    if shape is None:
        return None
    left_out: Counter[str] = Counter()
    found: list[_Line] = []
    for place, (line, stamp) in enumerate(zip(lines, stamps, strict=True)):
        if stamp and _belongs(stamp, shape):
            found.append(_Line(stamp=stamp.text, lines=[line[stamp.end :]]))
        elif not line.strip() or _LOG_EDGE.fullmatch(line.strip()) or _is_day(place, lines, stamps):
            left_out[HEADERS] += bool(line.strip())
            if found and not line.strip():
                found[-1].lines.append("")
        elif found:
            found[-1].lines.append(line)
        else:
            left_out[HEADERS] += 1
    return _messages(found, left_out)


def _is_day(place: int, lines: Sequence[str], stamps: Sequence[Stamp | None]) -> bool:
    """Whether the line is a heading over a day's messages, not a day that somebody mentions."""
    if not is_moment(lines[place]):
        return False
    later = next((at for at in range(place + 1, len(lines)) if lines[at].strip()), None)
    return (later is None or bool(stamps[later])) and (not place or not lines[place - 1].strip())


def _turned(line: str) -> str:
    """Normalize "[Name] [9:45 PM] text" (KakaoTalk) to time first, and "( 1m 20s ) Name: text" (Salesforce) to a clock
    time.
    """
    line = _DATE_APART.sub(r"[\1 \2]", line, count=1)
    if passed := _PASSED.match(line):
        return f"[{int(passed['m'] or 0):02}:{int(passed['s']):02}] {line[passed.end() :]}"
    match = _NAME_FIRST.match(line)
    if not match or not is_clock(match["time"]):
        return line
    return f"[{match['time']}] {match['name']}: {match['text']}"


def _stamp(line: str) -> Stamp | None:
    """Return the stamp at the start of the line; a time alone on its line starts no message."""
    return None if is_clock(line) else stamp_at_start(line)


def _shape_of(lines: Sequence[str], stamps: Sequence[Stamp | None]) -> tuple[bool, bool] | None:
    """Return the most common shape, preferring stamps with a date; None if too few lines have a stamp."""
    written = [line for line in lines if line.strip()]
    shapes = Counter(stamp.shape for stamp in stamps if stamp)
    if not shapes:
        return None
    # Stamps with a date come from a program; clock times alone may be part of a message.
    dated = {shape: count for shape, count in shapes.items() if shape[1]}
    shape = max(dated or shapes, key=lambda one: shapes[one])
    if dated and shapes.most_common(1)[0][1] > 3 * shapes[shape]:
        shape = shapes.most_common(1)[0][0]
    enough = shapes[shape] >= _MIN_SHARE * len(written) or (shape[1] and shapes[shape] > 1)
    return shape if enough else None


def _belongs(stamp: Stamp, shape: tuple[bool, bool]) -> bool:
    return stamp.shape == shape


def _messages(found: Sequence[_Line], left_out: Counter[str]) -> Reading | None:
    parsed = [_parse(line.lines[0]) for line in found]
    dashed = _are_dashed(found, parsed)
    if dashed:
        parsed = [_parse(line.lines[0], dashed=True) for line in found]
    named = sum(one is not None for one in parsed)
    speakers = Counter(one[0] for one in parsed if one)
    notices = sum(one is None and _is_unsaid(fold(line.lines[0])) for line, one in zip(found, parsed, strict=True))
    if found and notices == len(found):
        return Reading(turns=(), left_out=notices, kinds={NOTICES: notices})
    if not _explains(named, len(found) - notices, speakers):
        return None if _are_headers(found) else _narration(found, left_out)
    names = {name for name, count in speakers.items() if count > 1} or set(speakers)
    parsed = [
        None if one and _tells_of(one[0], names, line.lines[0]) else one
        for line, one in zip(found, parsed, strict=True)
    ]
    messages, unknown = _kept(found, parsed, speakers, left_out)
    if len(unknown) > max(3, _MOST_UNKNOWN * len(found)):
        for place, message in reversed(unknown):
            messages.insert(place, message)
    else:
        left_out[NOTICES] += len(unknown)
    return reading_of(messages, left_out, _label(found)) or Reading(turns=(), left_out=sum(left_out.values()))


def _kept(
    found: Sequence[_Line], parsed: Sequence[tuple[str, str] | None], speakers: Counter[str], left_out: Counter[str]
) -> tuple[list[Message], list[tuple[int, Message]]]:
    """Return the messages, and those of unknown speakers with their positions."""
    messages: list[Message] = []
    unknown: list[tuple[int, Message]] = []
    for line, one in zip(found, parsed, strict=True):
        if one is None:
            first = fold(line.lines[0])
            if kind := _unnamed_kind(first, speakers):
                left_out[kind] += 1
                _go_on(messages, line.lines[1:])
            elif first:
                said = " ".join([first, *line.lines[1:]])
                unknown.append((len(messages), Message(speaker=NARRATOR, text=said, time=line.stamp)))
            continue
        name, said = one
        kept = _said([said, *line.lines[1:]], left_out)
        if fold(" ".join(kept)):
            messages.append(Message(speaker=name, text="\n".join(kept), time=line.stamp))
    return messages, unknown


def _is_unsaid(line: str) -> bool:
    return is_notice(line) or bool(kind_of(line))


def _unnamed_kind(line: str, speakers: Counter[str]) -> str:
    """Return the kind of a line without a speaker if it is known to be the program's, else empty."""
    if _IRC_NOTICE.fullmatch(line) or is_notice(line.strip(_MARK)) or _begins_with(line, speakers):
        return NOTICES
    return kind_of(line)


def _go_on(messages: list[Message], lines: Sequence[str]) -> None:
    """Append lines after a notice, which is one line long, to the message before it."""
    more = "\n".join(line for line in lines if line.strip())
    if messages and more:
        messages[-1] = msgspec.structs.replace(messages[-1], text=f"{messages[-1].text}\n{more}")


def _parse(body: str, dashed: bool = False) -> tuple[str, str] | None:
    """Return the name and text after a stamp; None for a program's line."""
    raw = body.strip("\r")
    bare = raw.lstrip(_MARK + "\u200f ")
    if _IRC_NOTICE.fullmatch(bare.strip()):
        return None
    for pattern in (_IRC, _IRC_ACTION, _ZOOM, _DIARIZED):
        if match := pattern.fullmatch(raw.strip()):
            return fold(match["name"]), match["text"]
    if match := _TABBED.fullmatch(raw.lstrip()):
        return fold(match["name"]), match["text"]
    match = (_DASHED if dashed else _NAMED).match(bare)
    if not match or "://" in match["name"] or match["name"].strip().endswith(("http", "https")):
        return None
    if is_notice(match["name"]) or has_calendar_word(match["name"]):
        return None
    return fold(match["name"].lstrip("~ ")), match["text"]


def _are_dashed(found: Sequence[_Line], parsed: Sequence[tuple[str, str] | None]) -> bool:
    """Whether names end with "- " instead of a colon: "am:me- hello"."""
    if sum(one is not None for one in parsed) > len(found) / 2:
        return False
    return sum(bool(_DASHED.match(line.lines[0].strip())) for line in found) > len(found) / 2


def _explains(named: int, total: int, speakers: Counter[str]) -> bool:
    """Whether names explain the messages: most have one, or enough come from people who repeat."""
    if not named:
        return False
    returning = sum(count for count in speakers.values() if count > 1)
    return named > total / 2 or returning >= max(2, total / 5)


def _are_headers(found: Sequence[_Line]) -> bool:
    """Whether the stamps are followed by names with the text below, which is another reader's format."""
    bodies = Counter(fold(line.lines[0]) for line in found)
    returning = max(bodies.values()) > 1 or all(is_name(body) and looks_like_name(body) for body in bodies)
    return returning and all(len(body) <= _LONGEST_NAME for body in bodies) and any(len(one.lines) > 1 for one in found)


def _tells_of(name: str, names: set[str], line: str) -> bool:
    """Whether a possible name is the start of a notice about somebody: 'Ana changed the subject to "Trip'."""
    return name not in names and any(name.startswith(f"{known} ") for known in names) and is_notice(fold(line))


def _begins_with(line: str, speakers: Counter[str]) -> bool:
    """Whether a line starts with a speaker's name: "Mira left the group", in any language."""
    return any(line.startswith((name, f"~ {name}")) for name in speakers)


def _said(lines: Sequence[str], left_out: Counter[str]) -> list[str]:
    """Return the lines the person wrote. Text that iOS marks as WhatsApp's is dropped, except polls."""
    first = lines[0].strip()
    if first.startswith(_MARK):
        rest = first.strip(_MARK + " ")
        kind = kind_of(rest)
        is_poll = bool(_POLL.match(rest)) or (not kind and not is_notice(rest) and any(map(str.strip, lines[1:])))
        if not is_poll:
            left_out[kind or NOTICES] += 1
            return [line for line in lines[1:] if line.strip()]
    kept = []
    for line in lines:
        said = without_mark(line.strip(_MARK + "\u200f")).replace(_MARK, "")
        if _REPLYING.fullmatch(said.strip()):
            left_out[QUOTED] += 1
        elif kind := kind_of(said):
            left_out[kind] += 1
        elif said.strip() != ">" and not said.startswith(">"):
            kept.append(said)
        else:
            left_out[QUOTED] += 1
    return kept


def _narration(found: Sequence[_Line], left_out: Counter[str]) -> Reading | None:
    """Read times without speakers: the transcript of a recording, with one narrator."""
    if len(found) < 2:
        return None
    text = [fold(" ".join(line.lines)) for line in found]
    messages = [Message(speaker=NARRATOR, text=line, time=one.stamp) for line, one in zip(text, found, strict=True)]
    return reading_of(messages, left_out, "Transcript without speakers")


def _label(found: Sequence[_Line]) -> str:
    sample = "\n".join(line.lines[0] for line in found[:50])
    return next((label for label, pattern in _LABELS if pattern.search(plain(sample))), "")
