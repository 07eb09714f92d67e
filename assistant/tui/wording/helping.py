"""The help text, made from the table of commands and the keys in force."""

from collections.abc import Mapping

from assistant.tui.commands import COMMANDS, Scope, key_of

_INTRODUCTION = (
    'Paste a conversation (lines such as "Maya: The review moves to Friday.") and press Enter: Parley writes a digest. '
    "A long paste is folded into one line. You can ask about the conversation in view, or say how an answer should "
    "change: the lower edge of the field shows what Enter will do. @ and a file's name reads a file; / starts a "
    "command.\n"
)
_TYPING = (
    ("Enter", "send"),
    ("Ctrl+J", "new line; Shift+Enter where the terminal knows it"),
    ("Esc", "stop the answer, or go back to writing"),
    ("Up, Down", "what you sent before"),
    ("Shift+Tab", "select an answer (Esc and an arrow, or a click, too); Esc leaves it"),
    ("Ctrl+P", "the palette: everything you can do"),
)
_HEADINGS: dict[Scope, str] = {
    "app": "EVERYWHERE",
    "chat": "IN A CHAT",
    "entry": "ON WHAT WAS SENT AND ON ANSWERS",
    "answer": "ON AN ANSWER",
    "point": "ON A PART OF A DIGEST (Down from the answer chooses one)",
    "source": "ON WHAT WAS SENT",
}
_END = (
    "Everything stays on this machine. To change a key, name its command in the section [keys] of the settings file: "
    'mode = "f12". `assistant paths` prints where the file is.'
)


def write_help(changed: Mapping[str, str]) -> str:
    """The help text; `changed` are the keys from the settings, by command name."""
    typing = [f"  {key:<13} {what}" for key, what in _TYPING]
    parts = [_INTRODUCTION, "\n".join(["WRITING", *typing]) + "\n"]
    for scope, heading in _HEADINGS.items():
        lines = [
            f"  /{command.slash:<12} {key_of(command, changed):<6} {command.title}"
            for command in COMMANDS
            if command.scope == scope
        ]
        parts.append("\n".join([heading, *lines]) + "\n")
    return "\n".join([*parts, _END])
