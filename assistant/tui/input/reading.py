"""Conversions between text and dialogue for the screens.

The formats are imported on first use: this takes 0.03 s, which the first frame does not wait for.
"""

from pathlib import Path

from assistant.records import Dialogue


def read_dialogue(text: str) -> Dialogue:
    """The conversation in a text. Raises InputUnreadable if it has no turns."""
    from assistant.dialogue import parse

    return parse(text)


_PLAIN = frozenset({"names", "tags", "transcript", "narration", "lines"})
"""Formats of no particular program, which are not worth naming."""


def describe(dialogue: Dialogue) -> str:
    """One line about a conversation: "conversation · 214 turns · 5 speakers", "WhatsApp · …"."""
    from assistant.dialogue import describe as describe_dialogue

    if dialogue.format not in _PLAIN:
        return describe_dialogue(dialogue)
    left_out = f" · {_count(dialogue.left_out, 'line')} nobody said" if dialogue.left_out else ""
    if not dialogue.has_speakers:
        lines = sum(turn.text.count("\n") + 1 for turn in dialogue.turns)
        return f"no speakers · {_count(lines, 'line')} · read as one narrator's{left_out}"
    turns, people = _count(len(dialogue.turns), "turn"), _count(len(dialogue.speakers), "speaker")
    return f"conversation · {turns} · {people}{left_out}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def read_named_file(line: str) -> str:
    """The text of a file given as "@docs/standup.txt" or "@report.pdf". Raises UsageError or InputUnreadable."""
    from assistant.answering.files import read_file_text

    return read_file_text(Path(line.removeprefix("@").strip()).expanduser())


def write_dialogue(dialogue: Dialogue) -> str:
    """The dialogue as text, one turn per line, `Speaker: text`."""
    from assistant.dialogue import render_turns

    return render_turns(dialogue)


def rename_speakers(dialogue: Dialogue, names: str) -> Dialogue:
    """Rename speakers as in "#Person1#=Maya, #Person2#=Tom". Raises UsageError for invalid names."""
    from assistant.dialogue import parse_renames, rename

    return rename(dialogue, parse_renames(names.split(",")))
