"""The table of conversation formats, and parsing by it."""

import re
from collections.abc import Callable

from assistant.dialogue.readers.captions import read_ass, read_srt, read_webvtt
from assistant.dialogue.readers.exports.reading import read_json, read_json_lines
from assistant.dialogue.readers.files.markup import read_markup
from assistant.dialogue.readers.files.tables import read_table
from assistant.dialogue.readers.headed import read_headed, read_timed
from assistant.dialogue.readers.induced import read_induced
from assistant.dialogue.readers.mail.thread import read_mail
from assistant.dialogue.readers.marked import read_marked
from assistant.dialogue.readers.named import read_names, read_narration, read_questions, read_tags, read_transcript
from assistant.dialogue.readers.stamped import read_stamped
from assistant.dialogue.turns import NARRATOR, Reading, clean_text, split_head
from assistant.errors import InputUnreadable, UsageError
from assistant.records import Dialogue, Record
from assistant.terminal import printable


class Format(Record, frozen=True):
    """A format of conversations. `read` returns None if a text is not in it."""

    name: str
    label: str
    description: str
    read: Callable[[str], Reading | None]


# The first row that reads a text wins. `names` comes early because it requires a name on every line, so a dialogue
# written as lines of "Speaker: text" always reads back as the same dialogue.
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(name="tags", label="Conversation", description="#Person1#: text", read=read_tags),
        Format(name="names", label="Conversation", description="Name: text, a line a turn", read=read_names),
        Format(name="webvtt", label="WebVTT", description="captions, with voices <v Name>", read=read_webvtt),
        Format(name="srt", label="SubRip", description="numbered or timed captions (.srt, .sbv)", read=read_srt),
        Format(name="ass", label="ASS", description="captions with styles and names (.ass, .ssa)", read=read_ass),
        Format(name="markup", label="XML", description="TTML captions, or a backup of text messages", read=read_markup),
        Format(name="json", label="JSON", description="a list of turns, or an object with one", read=read_json),
        Format(name="jsonl", label="JSON Lines", description="one object a line, each a turn", read=read_json_lines),
        Format(name="table", label="Table", description="CSV or TSV with a sender and a text", read=read_table),
        Format(name="mail", label="E-mail", description="a thread with headers, or with > quotations", read=read_mail),
        Format(
            name="chat",
            label="Chat export",
            description="[12:03] Name: text, as WhatsApp, Telegram, Zoom, IRC and others export",
            read=read_stamped,
        ),
        Format(
            name="marked", label="Marked-up names", description="**Name:** text, ## User, <Person1>", read=read_marked
        ),
        Format(name="questions", label="Questions and answers", description="Q. text, A. text", read=read_questions),
        Format(
            name="paste",
            label="Chat paste",
            description="name and time on a line, then the text, as copied from Slack, Teams or Discord",
            read=read_headed,
        ),
        Format(
            name="transcript",
            label="Conversation",
            description="Name: text, with turns over several lines",
            read=read_transcript,
        ),
        Format(
            name="lines",
            label="Conversation",
            description="Name - text, Name | text, or names alone on their lines that come back",
            read=read_induced,
        ),
        Format(
            name="timed", label="Times, no speakers", description="a time on a line, then the text", read=read_timed
        ),
        Format(
            name="narration",
            label="Text",
            description="a text that names nobody: one narrator",
            read=read_narration,
        ),
    )
}


_QUOTATION = re.compile(r">\s?")
_ITEM = re.compile(r"(?:[-*•–]|\(?\d{1,4}[.)]?)\s+(?=\D)")


def parse(text: str, format: str = "") -> Dialogue:
    """Parse a conversation, in the format named or else in the first one that fits.

    Raises InputUnreadable if nobody says anything or the named format does not fit, and UsageError for an unknown
    format.
    """
    raw = printable(text)
    if not raw.strip():
        raise InputUnreadable("nothing to summarize: the text is empty; paste a conversation or name a file with one")
    if format and format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    if not format:
        return dialogue_of(*read_any(raw))
    row = FORMATS[format]
    reading = row.read(raw if row.read is read_stamped else clean_text(raw))
    if reading is None:
        raise InputUnreadable(f"the text is not in the format {row.label!r}; omit --format to have it recognized")
    return dialogue_of(format, reading)


def read_any(text: str) -> tuple[str, Reading]:
    """Return the name of the first format that reads the text, and the reading."""
    text = _unmarked(text)
    clean = clean_text(text)
    for row in FORMATS.values():
        # WhatsApp on iOS marks its own lines with a direction mark, which clean_text removes.
        reading = row.read(text if row.read is read_stamped else clean)
        if reading is not None:
            return row.name, reading
    raise AssertionError("the last row of FORMATS reads every text")


def _unmarked(text: str) -> str:
    """Remove quotation or list marks if every line has one; list marks only if most lines then start with a name."""
    lines = [line.strip() for line in text.split("\n")]
    written = [line for line in lines if line]
    for mark in (_QUOTATION, _ITEM):
        if all(mark.match(line) for line in written):
            bare = [mark.sub("", line, count=1) for line in lines]
            if mark is _QUOTATION or sum(split_head(line) is not None for line in bare) > len(written) / 2:
                return "\n".join(bare)
    return text


def dialogue_of(name: str, reading: Reading) -> Dialogue:
    """Turn a reading into a Dialogue. Raises InputUnreadable if nobody says anything."""
    if not reading.turns:
        left_out = f" besides {reading.left_out:,} system lines" if reading.left_out else ""
        raise InputUnreadable(f"nothing to summarize: nobody says anything{left_out}; paste a conversation")
    return Dialogue(
        turns=reading.turns,
        format=name,
        has_speakers=any(turn.speaker != NARRATOR for turn in reading.turns),
        left_out=reading.left_out,
        kinds=reading.kinds,
        label=reading.label or (FORMATS[name].label if name in FORMATS else name),
    )
