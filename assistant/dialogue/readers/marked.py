"""Reads conversations with marked-up names: Markdown bold or headings, tags, "ChatGPT said:", name with time."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache

from assistant.dialogue.notices import kind_of
from assistant.dialogue.readers.messages import HEADERS, NOTICES, QUOTED, Message, reading_of, with_times
from assistant.dialogue.stamps import has_clock, moment_pattern, plain
from assistant.dialogue.turns import Reading, fold, is_label, is_name

_LIST = r"\s*(?:[-*+]\s+|\d{1,3}[.)]\s+)?"
_HEADING = re.compile(r"#{1,4}\s+\**(?P<name>[^#*:]{1,40}?)\**:?\s*(?P<text>)")
_SAID = re.compile(
    (
        r"(?P<name>You|ChatGPT|Claude|Gemini|Copilot|Grok|DeepSeek|Du|Sie|Vous|Tú|Tu|Você)\s(?:said|hast "
        r"gesagt|sagte|haben gesagt|hat gesagt|avez dit|a dit|dijiste|dijo|disse|hai detto|ha "
        r"detto)\s?:\s*(?P<text>)"
    ),
    re.IGNORECASE,
)
_TAGGED = re.compile(r"<(?P<name>[A-Za-z][\w ]{0,30})>\s*(?P<text>.*?)\s*</(?P=name)>")
_ENCLOSED = re.compile(r"[\[<](?P<name>[^\W\d][^\[\]<>:/=]{1,40})[\]>]:?\s+(?P<text>[^\s(\[].*)")
_CAPITALS = re.compile(
    r"(?P<name>[^\W\d_](?:[\w.'’ -]{0,30}?\w)?)"
    r"(?:\s\((?:V\.?O\.?|O\.?S\.?|O\.?C\.?|CONT['’]?D|OFF)\))?(?:\.\s+(?P<text>\S.*))?"
)
_SCENE = re.compile(r"(?:INT|EXT|I/E)[./ ]|(?:ACT|SCENE|FADE|CUT|DISSOLVE|THE END|END OF)\b|.*\sTO:?$")
_MIN_SHARE = 1 / 4
"""The share of lines that must name a speaker if only brackets or capitals mark names."""
_ROLES = frozenset(
    (
        "user",
        "assistant",
        "human",
        "you",
        "system",
        "ai",
        "chatgpt",
        "claude",
        "gemini",
        "copilot",
        "prompt",
        "response",
        "me",
        "bot",
        "model",
        "tool",
    )
)
_ATTENDEES = re.compile(
    (
        r"attendees|participants|date|project|agenda|topics?|location|notes?|summary|action items|"
        r"decisions?|teilnehmer|datum|next steps"
    ),
    re.IGNORECASE,
)
_OPENS_TIME = re.compile(r"[(\[\t]")
_RULE = re.compile(r"\s*(?:-{3,}|\*{3,}|_{3,})\s*")
_ITALIC_LINE = re.compile(r"\s*\*[^*]{3,120}\*\s*|\s*_[^_]{3,120}_\s*")


def read_marked(text: str) -> Reading | None:
    """Read by the first kind of mark that explains the text: at least two names, or one name three times."""
    lines = text.split("\n")
    written = sum(bool(line.strip()) for line in lines)
    for find in (_find_bold, _find_timed, _find_tagged, _find_said, _find_heading, _find_enclosed, _find_capitals):
        found = [find(line) for line in lines]
        names = Counter(one[0] for one in found if one)
        if (
            sum(names.values()) > 1
            and (len(names) > 1 or names.most_common(1)[0][1] > 2)
            and _explains(find, names, written)
        ):
            return _collect(lines, found)
    return None


def _explains(find: "Callable[[str], tuple[str, str, str] | None]", names: Counter[str], written: int) -> bool:
    """Whether the marked words are people: headings must be roles; names in brackets or capitals must repeat and be
    frequent.
    """
    if find in (_find_enclosed, _find_capitals):
        return len(names) > 1 and names.most_common(1)[0][1] > 1 and sum(names.values()) >= _MIN_SHARE * written
    if find is not _find_heading:
        return names.most_common(1)[0][1] > 1 or len(names) == sum(names.values()) > 1
    roles = sum(count for name, count in names.items() if name.casefold() in _ROLES)
    return roles > 1 and roles >= 0.6 * sum(names.values())


def _collect(lines: list[str], found: "list[tuple[str, str, str] | None]") -> Reading | None:
    messages: list[tuple[str, str, list[str]]] = []
    left_out: Counter[str] = Counter()
    for line, one in zip(lines, found, strict=True):
        if one:
            messages.append((one[0], one[2], [one[1]]))
        elif not messages or _RULE.fullmatch(line):
            left_out[HEADERS] += bool(line.strip())
        elif line.lstrip().startswith(">"):
            left_out[QUOTED] += 1
        elif _ITALIC_LINE.fullmatch(line):
            left_out[NOTICES] += 1
        elif kind := kind_of(line):
            left_out[kind] += 1
        else:
            messages[-1][2].append(line)
    said_by = [Message(speaker=name, text="\n".join(said).strip(), time=time) for name, time, said in messages]
    return reading_of(with_times(said_by), left_out)


@cache
def _bold() -> re.Pattern[str]:
    moment = moment_pattern()
    time = rf"(?:\s*[·•|–-]?\s*\*?[\[(]?(?P<time>{moment})[\])]?\*?)?"
    return re.compile(
        rf"{_LIST}(?:\*\*|__)(?P<name>[^*_\n]{{1,60}}?)(?P<inner>:?)(?:\*\*|__){time}(?P<outer>\s*:?)\s*(?P<text>.*)",
        re.IGNORECASE,
    )


@cache
def _timed() -> re.Pattern[str]:
    moment = moment_pattern()
    return re.compile(
        (
            rf"(?P<name>[^:()\[\]\t]{{1,60}}?)(?:\s\([^():]{{2,80}}\))?(?:\s*[(\[](?P<time>{moment})[)\]]\s?:\s*|"
            rf":\t+(?P<late>{moment})\t+)(?P<text>.*)"
        ),
        re.IGNORECASE,
    )


def _find_bold(line: str) -> tuple[str, str, str] | None:
    match = _bold().fullmatch(line.rstrip()) if "**" in line or "__" in line else None
    if not match:
        return None
    is_role = not match["text"] and match["name"].casefold() in _ROLES
    if not (match["inner"] or match["outer"].strip() or match["time"] or is_role):
        return None
    return _speaking(match["name"], match["text"], match["time"] or "")


def _find_timed(line: str) -> tuple[str, str, str] | None:
    match = _timed().fullmatch(plain(line).rstrip()) if has_clock(line) and _OPENS_TIME.search(line) else None
    if not match:
        return None
    name, text = line[match.start("name") : match.end("name")], line[match.start("text") : match.end("text")]
    return _speaking(name, text, match["time"] or match["late"] or "")


def _find_tagged(line: str) -> tuple[str, str, str] | None:
    match = _TAGGED.fullmatch(line.strip())
    return _speaking(match["name"], match["text"].strip('"“”'), "") if match else None


def _find_said(line: str) -> tuple[str, str, str] | None:
    match = _SAID.fullmatch(line.strip().lstrip("# *").rstrip("*"))
    return (fold(match["name"]), "", "") if match else None


def _find_heading(line: str) -> tuple[str, str, str] | None:
    match = _HEADING.fullmatch(line.strip())
    return (fold(match["name"]), "", "") if match else None


def _find_enclosed(line: str) -> tuple[str, str, str] | None:
    match = _ENCLOSED.fullmatch(line.strip())
    return _speaking(match["name"], match["text"], "") if match else None


def _find_capitals(line: str) -> tuple[str, str, str] | None:
    """Find a name in capitals as in plays and scripts: alone on its line, or before a full stop."""
    match = _CAPITALS.fullmatch(line.strip())
    if not match or not match["name"].isupper() or len(match["name"]) < 2 or _SCENE.match(line.strip()):
        return None
    return _speaking(match["name"], match["text"] or "", "")


def _speaking(name: str, text: str, time: str) -> tuple[str, str, str] | None:
    folded = fold(name.strip(" :*"))
    if not is_name(folded) or is_label(folded) or _ATTENDEES.fullmatch(folded):
        return None
    return folded, text, time
