"""Reads a file to summarize: a conversation, or a document, which is read whole as one narrator's text, in as many
parts as the model's window requires. No search is used: a summary of five passages is not one of the file.
"""

import contextlib
import re
from pathlib import Path, PurePath

from assistant.dialogue import FORMATS, SPOKEN, is_document, open_dialogue, parse, read_text, render_turns
from assistant.dialogue.readers.named import read_narration
from assistant.dialogue.turns import clean_text
from assistant.errors import InputUnreadable
from assistant.records import Dialogue
from assistant.terminal import json_line, one_line, printable
from knowledge.errors import DocumentUnreadable
from knowledge.files import read_steady
from knowledge.library import MOST_BYTES, Library
from knowledge.reading import read

_ASKS_FOR_SUMMARY = re.compile(
    r"(?:please )?(?:summari[sz]e|sum up|(?:(?:give|write|show) (?:me )?)?an? (?:\w+ )?summary of)\b", re.IGNORECASE
)


def read_file_text(path: Path) -> str:
    """Return the text of a conversation or a document. A conversation in a container is written as lines that parse to
    the same turns and times.

    Raises UsageError or InputUnreadable if there is none.
    """
    if not is_document(path) or not path.exists():
        dialogue = open_dialogue(path)
        return read_text(path) if dialogue.format in FORMATS else _lines_of(dialogue)
    dialogue = read_file(path)
    return _lines_of(dialogue) if dialogue.has_speakers else "\n\n".join(turn.text for turn in dialogue.turns)


def _lines_of(dialogue: Dialogue) -> str:
    """Write the turns as `[time] Name: text`, or as JSON Lines if the times do not parse back, or as `Name: text`
    without times.
    """
    turns = dialogue.turns
    if any(turn.time for turn in turns):
        rows = [{"time": turn.time, "speaker": turn.speaker, "text": turn.text} for turn in turns]
        chat = "\n".join(f"[{turn.time}] {turn.speaker}: {turn.text}" for turn in turns)
        for text in (chat, "\n".join(map(json_line, rows))):
            with contextlib.suppress(InputUnreadable):
                if parse(text).turns == turns:
                    return text
    return render_turns(dialogue)


def read_file(path: Path, format: str = "") -> Dialogue:
    """Read the file as turns. A document counts as a conversation only if it is written like one: "Note: see below" in
    a report is nobody's turn.
    """
    if not is_document(path) or not path.exists():
        return open_dialogue(path, format)
    if path.suffix.lower() != ".pdf":
        try:
            dialogue = open_dialogue(path, format)
        except InputUnreadable:
            if format:
                raise
        else:
            if format or dialogue.format in SPOKEN:
                return dialogue
    text = _document_text(path)
    dialogue = parse(text)
    if dialogue.format in SPOKEN:
        return dialogue
    reading = read_narration(clean_text(text))
    return Dialogue(turns=reading.turns, format="document", has_speakers=False, label="Document")


def _document_text(path: Path) -> str:
    try:
        text = read(str(path), read_steady(path, MOST_BYTES)).text
    except DocumentUnreadable as error:
        raise InputUnreadable(f"{one_line(path.name)}: {error}") from error
    if not text.strip():
        raise InputUnreadable(f"{one_line(path.name)} holds no text")
    return printable(text)


def file_to_summarize(question: str, library: Library) -> str | None:
    """Return the path of the document whose summary the question asks for by name: "Summarize lease.pdf"."""
    if not _ASKS_FOR_SUMMARY.match(question.strip()):
        return None
    names = {PurePath(file.path).name.lower(): file.path for file in library.files() if not file.reason}
    asked = question.lower()
    named = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", asked)]
    return names[max(named, key=len)] if named else None
