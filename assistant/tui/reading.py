"""Text to dialogue and back for the screens. The formats are imported on first use: they take 0.03 s, which the first
frame does not wait for.
"""

from pathlib import Path

from assistant.records import Dialogue


def read_dialogue(text: str) -> Dialogue:
    """The conversation in a text; raises InputUnreadable where nobody says anything."""
    from assistant.dialogue import parse

    return parse(text)


def read_named_file(line: str) -> str:
    """The text of the file that "@docs/standup.txt" or "@report.pdf" names; raises UsageError or InputUnreadable."""
    from assistant.answering.files import read_file_text

    return read_file_text(Path(line.removeprefix("@").strip()).expanduser())


def write_dialogue(dialogue: Dialogue) -> str:
    """One turn a line, `Speaker: text`."""
    from assistant.dialogue import render_turns

    return render_turns(dialogue)


def rename_speakers(dialogue: Dialogue, names: str) -> Dialogue:
    """The dialogue with the speakers of "#Person1#=Maya, #Person2#=Tom" renamed; raises UsageError for other texts."""
    from assistant.dialogue import parse_renames, rename

    return rename(dialogue, parse_renames(names.split(",")))
