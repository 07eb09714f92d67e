"""Reads conversations whose lines start with the speaker: `Name: text`, `#Person1#: text`, and `Q. text`."""

import re
from collections import Counter
from collections.abc import Callable

from assistant.dialogue.readers.messages import HEADERS, Message, reading_of, with_times
from assistant.dialogue.stamps import has_calendar_word, is_clock, is_moment
from assistant.dialogue.turns import NARRATOR, Head, Reading, fold, is_label, looks_like_name, make_turn, split_head

_TAG = re.compile(r"#\w+#")
_MIN_SHARE = 1 / 3
_FOOT = re.compile(
    r"(?:transcription|meeting) ended after .*|this editable transcript was .*|transcribed by https?://\S+",
    re.IGNORECASE,
)
_HEAD = re.compile(
    r".*\btranscript(?:ion)?\b.*|attendees|participants|speakers|summary keywords|teilnehmer|-{3,}|={3,}", re.IGNORECASE
)
_HEADING_LINES = 6
_MAIL_LABELS = frozenset(
    [
        "von",
        "gesendet",
        "an",
        "betreff",
        "datum",
        "de",
        "para",
        "enviado",
        "asunto",
        "fecha",
        "envoyé",
        "objet",
        "date",
        "à",
        "da",
        "inviato",
        "oggetto",
        "assunto",
    ]
)
_QUESTION = re.compile(r"(?P<name>Q|A|F|R|P)(?:\.|:)\s+(?P<text>\S.*)")
_LINE_NUMBER = re.compile(r"\s{0,4}\d{1,2}(?:\s{2,}|$)")
_PAGE_NUMBER = re.compile(r"\s{20,}\d{1,4}\s*|\s*\d{1,4}\s*")
_BY = re.compile(r"(?:BY|EXAMINATION|DIRECT|CROSS|REDIRECT|RECROSS|CONTINUED)\b[^a-z]{0,60}:?")
_CAPITALS = re.compile(r"(?P<name>(?:THE|MR\.|MS\.|MRS\.|DR\.)\s[A-Z][A-Z.'’ -]{1,40}):\s+(?P<text>\S.*)")


def read_tags(text: str) -> Reading | None:
    """Read `#Person1#: text`, if every name is such a tag. Other lines continue the turn before."""
    lines = _lines(text)
    first = split_head(lines[0]) if lines else None
    if not first or not _TAG.fullmatch(first.name):
        return None
    heads = [head for line in lines if (head := split_head(line))]
    if not all(_TAG.fullmatch(head.name) for head in heads):
        return None
    return _collect(lines, lambda head: True)


def read_names(text: str) -> Reading | None:
    """Read `Name: text` on every line. A label such as "Note:" continues the turn before."""
    lines = _lines(text)
    for number, line in enumerate(lines):
        if not split_head(line) and not (number and _starts_with_label(line)):
            return None
    reading = _collect(lines, lambda head: True)
    return reading if reading.turns else None


def read_questions(text: str) -> Reading | None:
    """Read questions and answers, `Q. text` or `Q: text`, as in interviews and depositions with numbered lines."""
    lines = _unnumbered(text.split("\n"))
    found = [match for line in lines if (match := _QUESTION.match(line.strip()))]
    if len({match["name"] for match in found}) != 2 or len(found) < 2:
        return None
    messages: list[tuple[str, list[str]]] = []
    left_out = 0
    for line in map(str.strip, lines):
        match = _QUESTION.match(line) or _CAPITALS.match(line)
        if match:
            messages.append((fold(match["name"]), [match["text"]]))
        elif not line or _BY.fullmatch(line) or not messages:
            left_out += bool(line)
        else:
            messages[-1][1].append(line)
    said = [Message(speaker=name, text=" ".join(lines)) for name, lines in messages]
    return reading_of(said, {HEADERS: left_out}, "Questions and answers")


def _unnumbered(lines: list[str]) -> list[str]:
    """Drop the line and page numbers of a court reporter's transcript."""
    written = [line for line in lines if line.strip()]
    numbered = sum(bool(_LINE_NUMBER.match(line)) for line in written)
    if numbered < 0.8 * len(written):
        return lines
    return [_LINE_NUMBER.sub("", line, count=1) for line in lines if not _PAGE_NUMBER.fullmatch(line)]


def read_transcript(text: str) -> Reading | None:
    """Read `Name: text` with turns over several lines, if names explain the text as a whole.

    They do if two speakers repeat, or if one does and at least a third of the lines name a speaker, or if the text
    starts with a name and such lines are frequent enough. A name that occurs once must look like one.
    """
    lines = _lines(text)
    heads = [head for line in lines if (head := split_head(line)) and _may_speak(head.name)]
    times = Counter(head.name for head in heads)
    speakers = {name for name, count in times.items() if count > 1 or not name[0].islower()}
    returning = sum(count > 1 for count in times.values())
    spoken = sum(not (is_clock(line) or is_moment(line) or _HEAD.fullmatch(line)) for line in lines)
    share = sum(times[name] for name in speakers) / max(1, spoken)
    opens = bool(lines) and (head := split_head(lines[0])) is not None and head.name in speakers
    explained = returning > 1 or (returning == 1 and share >= _MIN_SHARE) or (opens and _is_spread(times, share))
    return _collect(lines, lambda head: head.name in speakers) if explained else None


def read_narration(text: str) -> Reading:
    """Read a text without speakers: one narrator, one turn per paragraph."""
    paragraphs = re.split(r"\n[^\S\n]*\n", text)
    return Reading(turns=tuple(turn for paragraph in paragraphs if (turn := make_turn(NARRATOR, paragraph))))


def _may_speak(name: str) -> bool:
    """Whether the words before a colon can be a person's name: no date, and no mail header."""
    return looks_like_name(name) and not has_calendar_word(name) and name.casefold() not in _MAIL_LABELS


def _is_spread(times: Counter[str], share: float) -> bool:
    return share >= 1 / 2 or (share >= _MIN_SHARE and len(times) > 1)


def _starts_with_label(line: str) -> bool:
    label, colon, _ = line.partition(":")
    return bool(colon) and is_label(fold(label))


def _lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _collect(lines: list[str], speaks: Callable[[Head], bool]) -> Reading:
    """Collect turns: a head that speaks starts one, all other lines continue it.

    Times on lines by themselves, a transcript's heading and its footer are left out. Other text before the first
    speaker is the narrator's.
    """
    messages: list[Message] = []
    left_out: dict[str, int] = {}
    speaker, said, times = NARRATOR, list[str](), list[str]()
    for line in [*lines, ""]:
        head = split_head(line)
        if (head and speaks(head)) or not line:
            # "Sunday" below "Ana:" is what she said, not the time of what follows.
            is_answer = bool(times) and speaker != NARRATOR and not any(said)
            messages.append(Message(speaker=speaker, text=" ".join(times if is_answer else said)))
            left_out[HEADERS] = left_out.get(HEADERS, 0) + (0 if is_answer else len(times))
            speaker, said, times = (head.name, [head.text], []) if head else (speaker, [], [])
        elif _FOOT.fullmatch(line):
            left_out[HEADERS] = left_out.get(HEADERS, 0) + 1
        elif is_clock(line) or is_moment(line):
            times.append(line)
        else:
            said.append(line)
    first = messages[0]
    if first.speaker == NARRATOR and len(messages) > 2 and _is_heading(lines, speaks):
        left_out[HEADERS] = left_out.get(HEADERS, 0) + 1
        messages = messages[1:]
    return reading_of(with_times(messages), left_out) or Reading(turns=())


def _is_heading(lines: list[str], speaks: Callable[[Head], bool]) -> bool:
    """Whether the lines before the first speaker are a transcript's title block."""
    before: list[str] = []
    for line in lines:
        if (head := split_head(line)) and speaks(head):
            break
        before.append(line)
    is_short = len(before) <= _HEADING_LINES and all(len(line) < 90 for line in before)
    return is_short and any(_HEAD.fullmatch(line) or is_moment(line) or line.startswith("#") for line in before)
