"""Text to dialogue and back for the screens. The formats are imported on first use: they take 0.03 s, which the first
frame does not wait for.
"""

from assistant.records import Dialogue


def read_dialogue(text: str) -> Dialogue:
    """The conversation in a text; raises InputUnreadable where nobody says anything."""
    from assistant.dialogue import parse

    return parse(text)


def write_dialogue(dialogue: Dialogue) -> str:
    """One turn a line, `Speaker: text`."""
    from assistant.dialogue import render_turns

    return render_turns(dialogue)
