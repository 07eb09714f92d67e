"""Reads conversations of unknown shape: with the same separator after names on most lines, or with names that repeat on
lines by themselves.
"""

import re
from collections import Counter
from collections.abc import Sequence

from assistant.dialogue.notices import kind_of
from assistant.dialogue.readers.messages import HEADERS, Message, reading_of
from assistant.dialogue.stamps import is_moment
from assistant.dialogue.turns import NARRATOR, Reading, fold, is_label, is_name, looks_like_name

_MARKS = (r"\.?\s[–—-]\s", r"\s?\|\s", r"\t+", r"\s(?:[»>›→]|[-=]>)\s", r":\s")
"""Possible separators after names."""
_GROUPS = re.compile(r"(?:\s*(?:\[[^\[\]]{1,40}\]:?|\([^()]{1,40}\)|\d[\d.:/-]{2,22}\d/?|[*•])(?=\s|<))+\s*")
"""Prefixes of names: times, levels and channels of logs."""
_ENCLOSED = re.compile(r"<(?P<name>[^<>]{1,40})>\s+(?P<text>.*)")
_BOLD = ("**", "#")
_DECORATION = "* _~#"
_MIN_SHARE = 3 / 4
_LONGEST_HEADING = 60


def read_induced(text: str) -> Reading | None:
    """Read by the first separator that explains most lines, else by names on lines by themselves that repeat."""
    lines = [line.strip(" \r") for line in text.split("\n")]
    written = [line for line in lines if line]
    if len(written) < 3:
        return None
    return _read_marked(written) or _read_headings(lines)


def _read_marked(written: Sequence[str]) -> Reading | None:
    bare = [line[group.end() :] if (group := _GROUPS.match(line)) else line for line in written]
    for mark in _MARKS:
        found = [_split(line, re.compile(mark)) for line in bare]
        names = Counter(one[0] for one in found if one)
        if sum(names.values()) >= _MIN_SHARE * len(written) and _are_people(names):
            return _collect(written, found)
    return None


def _split(line: str, mark: re.Pattern[str]) -> tuple[str, str] | None:
    """Return the name and text of a line if the separator follows a name."""
    match = mark.search(line, 0, 80)
    if enclosed := _ENCLOSED.fullmatch(line):
        name, said = enclosed["name"], enclosed["text"]
    elif match:
        name, said = line[: match.start()], line[match.end() :]
    else:
        return None
    name = fold(name.strip(_DECORATION).removesuffix(":"))
    return (name, said) if _may_speak(name) and said.strip() else None


def _read_headings(lines: Sequence[str]) -> Reading | None:
    """Read names on lines by themselves, each with text below it. Two must repeat, or one if all are bold, and the text
    must start with a name.
    """
    places = [place for place, line in enumerate(lines) if _is_heading(place, lines)]
    times = Counter(lines[place] for place in places)
    returning = {name for name, count in times.items() if count > 1}
    is_bold = all(name.startswith(_BOLD) for name in times)
    if len(returning) < (1 if is_bold and len(times) > 1 else 2):
        return None
    marks = {_mark_of(name) for name in returning}
    speakers = returning | {name for name in times if len(marks) == 1 and _mark_of(name) in marks - {""}}
    spoken = [place for place in places if lines[place] in speakers]
    if any(lines[: spoken[0]]) or len(spoken) > len([line for line in lines if line]) / 2:
        return None
    heads = {place: (fold(lines[place].strip(_DECORATION)), "") for place in spoken}
    return _collect(lines, [heads.get(place) for place in range(len(lines))])


def _is_heading(place: int, lines: Sequence[str]) -> bool:
    line = lines[place]
    is_bold = line.startswith(_BOLD) and line.endswith((*_BOLD, line[-1] if line.startswith("#") else "**"))
    name = line.strip(_DECORATION) if is_bold else line
    if not name or len(name) > _LONGEST_HEADING or name[-1] in ".!?:,;…" or not _may_speak(name):
        return False
    return any(lines[place + 1 : place + 3]) and not is_moment(line)


def _mark_of(name: str) -> str:
    """Return what separates a name from a title, as " - " in "Ana Roth - Chief Executive Officer", or makes it bold."""
    if name.startswith(_BOLD):
        return name[:1]
    found = re.search(r"\s[–—-]\s|,\s", name)
    return found.group() if found else ""


def _may_speak(name: str) -> bool:
    return bool(name) and is_name(name) and looks_like_name(name) and not is_label(name) and not is_moment(name)


def _are_people(names: Counter[str]) -> bool:
    """Whether the words before a separator are people: several, who repeat."""
    return 1 < len(names) <= max(2, sum(names.values()) / 2)


def _collect(lines: Sequence[str], found: Sequence[tuple[str, str] | None]) -> Reading | None:
    messages: list[tuple[str, list[str]]] = []
    left_out: Counter[str] = Counter()
    for line, one in zip(lines, found, strict=True):
        if one:
            messages.append((one[0], [one[1]]))
        elif kind := kind_of(line):
            left_out[kind] += 1
        elif is_moment(line):
            left_out[HEADERS] += bool(line)
        elif messages:
            messages[-1][1].append(line)
        elif line:
            messages.append((NARRATOR, [line]))
    return reading_of((Message(speaker=name, text="\n".join(said)) for name, said in messages), left_out)
