"""Reads conversations whose lines start with the speaker's name: `Name: text` and `#Person1#: text`. Knows no times."""

import re
from collections import Counter
from collections.abc import Callable

from assistant.dialogue.turns import NARRATOR, Head, Reading, fold, is_label, looks_like_name, make_turn, split_head
from assistant.records import Turn

_TAG = re.compile(r"#\w+#")
_MIN_SHARE = 1 / 3


def read_tags(text: str) -> Reading | None:
    """`#Person1#: text`: where every name is such a tag, any other line continues the turn before it."""
    lines = _lines(text)
    first = split_head(lines[0]) if lines else None
    if not first or not _TAG.fullmatch(first.name):
        return None
    heads = [head for line in lines if (head := split_head(line))]
    if not all(_TAG.fullmatch(head.name) for head in heads):
        return None
    return _collect(lines, lambda head: True)


def read_names(text: str) -> Reading | None:
    """`Name: text` on every line. A label such as "Note:" continues the turn before it."""
    lines = _lines(text)
    for number, line in enumerate(lines):
        if not split_head(line) and not (number and _starts_with_label(line)):
            return None
    reading = _collect(lines, lambda head: True)
    return reading if reading.turns else None


def read_transcript(text: str) -> Reading | None:
    """`Name: text` with turns over several lines: only where names explain the text as a whole.

    That is where two speakers come back, or one does and heads are frequent, or the text starts with a name and at
    least a third of its lines do. A name that occurs once must look like one.
    """
    lines = _lines(text)
    heads = [head for line in lines if (head := split_head(line)) and looks_like_name(head.name)]
    times = Counter(head.name for head in heads)
    speakers = {name for name, count in times.items() if count > 1 or not name[0].islower()}
    returning = sum(count > 1 for count in times.values())
    share = sum(times[name] for name in speakers) / max(1, len(lines))
    opens = bool(lines) and (head := split_head(lines[0])) is not None and head.name in speakers
    explained = returning > 1 or (returning == 1 and share >= _MIN_SHARE) or (opens and _is_spread(times, share))
    return _collect(lines, lambda head: head.name in speakers) if explained else None


def read_narration(text: str) -> Reading:
    """A text without speakers: one narrator, a turn for each paragraph."""
    paragraphs = re.split(r"\n[^\S\n]*\n", text)
    return Reading(turns=tuple(turn for paragraph in paragraphs if (turn := make_turn(NARRATOR, paragraph))))


def _is_spread(times: Counter[str], share: float) -> bool:
    return share >= 1 / 2 or (share >= _MIN_SHARE and len(times) > 1)


def _starts_with_label(line: str) -> bool:
    label, colon, _ = line.partition(":")
    return bool(colon) and is_label(fold(label))


def _lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _collect(lines: list[str], speaks: Callable[[Head], bool]) -> Reading:
    """Turns from lines: a head that speaks opens one, everything else continues the one before it.

    What stands before the first speaker is kept as the narrator's.
    """
    turns: list[Turn] = []
    speaker, said = NARRATOR, list[str]()
    for line in lines:
        head = split_head(line)
        if head and speaks(head):
            if turn := make_turn(speaker, " ".join(said)):
                turns.append(turn)
            speaker, said = head.name, [head.text]
        else:
            said.append(line)
    if turn := make_turn(speaker, " ".join(said)):
        turns.append(turn)
    return Reading(turns=tuple(turns))
