"""The table of formats in which a conversation may come, and the one way from a text to a Dialogue. Knows no files."""

from collections.abc import Callable

from assistant.dialogue.captions import read_srt, read_webvtt
from assistant.dialogue.chats import read_chat, read_paste
from assistant.dialogue.mails import read_mail
from assistant.dialogue.named import read_names, read_narration, read_tags, read_transcript
from assistant.dialogue.structured import read_json, read_json_lines
from assistant.dialogue.turns import NARRATOR, Reading, clean_text
from assistant.errors import InputUnreadable
from assistant.records import Dialogue, Record


class Format(Record, frozen=True):
    """One way of writing a conversation down. `read` returns None for a text that is not written that way."""

    name: str
    label: str
    description: str
    read: Callable[[str], Reading | None]


# The first row that reads a text wins. `names` stands before the rest because it demands a name on every line: so
# whatever was read is read again from its own lines of "Speaker: text".
FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(name="tags", label="Speaker tags", description="#Person1#: text", read=read_tags),
        Format(name="names", label="Names", description="Name: text, a line a turn", read=read_names),
        Format(name="webvtt", label="WebVTT", description="captions, with voices <v Name>", read=read_webvtt),
        Format(name="srt", label="SubRip", description="numbered captions (.srt)", read=read_srt),
        Format(name="json", label="JSON", description="a list of turns, or an object with one", read=read_json),
        Format(name="jsonl", label="JSON Lines", description="one object a line, each a turn", read=read_json_lines),
        Format(name="mail", label="E-mail", description="a thread with headers, or with > quotations", read=read_mail),
        Format(
            name="chat",
            label="Chat export",
            description="[12:03] Name: text, as WhatsApp, Zoom and others export",
            read=read_chat,
        ),
        Format(
            name="paste",
            label="Chat paste",
            description="name and time on a line, then the text, as copied from Slack, Teams or Discord",
            read=read_paste,
        ),
        Format(
            name="transcript",
            label="Transcript",
            description="Name: text, with turns over several lines",
            read=read_transcript,
        ),
        Format(
            name="narration",
            label="No speakers",
            description="a text that names nobody: one narrator",
            read=read_narration,
        ),
    )
}


def parse(text: str) -> Dialogue:
    """Read a conversation in whichever format of the table it is written.

    Raises InputUnreadable where nobody says anything.
    """
    text = clean_text(text)
    if not text.strip():
        raise InputUnreadable("nothing to summarize: the text is empty; paste a conversation or name a file with one")
    for row in FORMATS.values():
        reading = row.read(text)
        if reading is not None:
            return _dialogue(row.name, reading)
    raise AssertionError("the last row of FORMATS reads every text")


def _dialogue(name: str, reading: Reading) -> Dialogue:
    if not reading.turns:
        left_out = f" besides {reading.left_out:,} system lines" if reading.left_out else ""
        raise InputUnreadable(f"nothing to summarize: nobody says anything{left_out}; paste a conversation")
    has_speakers = any(turn.speaker != NARRATOR for turn in reading.turns)
    return Dialogue(turns=reading.turns, format=name, has_speakers=has_speakers, left_out=reading.left_out)
