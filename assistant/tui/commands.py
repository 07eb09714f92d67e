"""The table of commands. Each row is a slash command, an entry of the palette and a line of the help.

A row with a key is also a binding. The settings can change its key under the row's name.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from textual.binding import Binding, BindingType

Scope = Literal["app", "chat", "answer", "point", "source", "entry"]
"""Where a key is active: everywhere, in the conversation screen, on a selected answer, on a chosen part of a digest, on
a sent message, or on answers and sent messages.
"""
ENTRY_SCOPES: tuple[Scope, ...] = ("answer", "source", "entry")


_KEY_NAMES = {
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "delete": "Del",
    "down": "↓",
    "plus": "+",
    "minus": "-",
    "question_mark": "?",
    "equals_sign": "=",
}


class Command(NamedTuple):
    """A command. The action `judging.rate` is the method `rate` of the conversation screen's `judging`; `app.help` is
    an action of the app. `takes` is an argument before the one typed.

    `footer` is the label of the key at the foot of the screen. A key with `priority` comes before the editor's own
    binding, as for F6 and F7.
    """

    slash: str
    title: str
    action: str
    takes: str = ""
    key: str = ""
    scope: Scope = "chat"
    footer: str = ""
    priority: bool = False


COMMANDS: tuple[Command, ...] = (
    Command("new", "New chat", "kept.new_chat", key="ctrl+n", footer="New", priority=True),
    Command("resume", "Find a chat and continue it", "finding.resume", key="ctrl+r", footer="Chats", priority=True),
    Command("search", "Search in all chats", "finding.search", key="ctrl+f", priority=True),
    Command("route", "Choose what Enter does with the text", "preview.route", key="f7", priority=True),
    Command("turns", "Show the turns of the text before you send it", "composing.turns", key="ctrl+t", priority=True),
    Command("conversation", "Show the conversation beside the answer", "digests.show_conversation", key="f10"),
    Command("panel", "Show or hide the panel of modes and settings", "choosing.panel", key="f9", footer="Panel"),
    Command("task", "Choose what to write: summary, topic or action items", "choosing.choose", "task", key="f5"),
    Command("mode", "Choose the prompting mode", "choosing.choose", "mode", key="f3"),
    Command("model", "Choose the model", "choosing.choose", "model", key="f6", priority=True),
    Command("drafts", "Choose how many drafts to write", "choosing.choose", "drafts"),
    Command("decoding", "Choose greedy, beam or sample decoding", "choosing.choose", "decoding"),
    Command("words", "Aim at a number of words", "choosing.choose", "words"),
    Command("defaults", "Undo the changes to this chat's settings", "choosing.take_defaults", key="ctrl+o"),
    Command("good", "Rate the answer up", "judging.rate", "up", key="plus", scope="answer", footer="Good"),
    Command("bad", "Rate the answer down", "judging.rate", "down", key="minus", scope="answer", footer="Bad"),
    Command("rank", "Rank the drafts", "judging.rank", key="r", scope="answer", footer="Rank"),
    Command(
        "evidence",
        "Show the turns behind each sentence",
        "answers.show_evidence",
        key="e",
        scope="answer",
        footer="Evidence",
    ),
    Command("prompt", "Show the exact prompt", "answers.show_prompt", key="p", scope="answer"),
    Command("again", "Write it again with the present settings", "answers.regenerate", key="g", scope="answer"),
    Command(
        "refine", "Write it differently: shorter, longer, in your own words", "answers.refine", key="f", scope="answer"
    ),
    Command("shorter", "Write it in fewer words", "answers.refine", "shorter"),
    Command("effect", "Show what your rating of the answer did", "judging.show_effect", key="w", scope="answer"),
    Command("scores", "Show the reward model's scores of ranked drafts", "scores.show_scores", key="m", scope="answer"),
    Command("sources", "Show the sources of an answer from documents", "documents.sources", key="s", scope="answer"),
    Command("todos", "Write the to-dos to a file: md, ics or json", "digests.export_todos", key="x", scope="answer"),
    Command(
        "message",
        "Show the message behind this part",
        "digests.open_point",
        key="enter",
        scope="point",
        footer="Message",
    ),
    Command("keep", "Keep such parts in digests", "digests.mark", "keep", key="plus", scope="point", footer="Keep"),
    Command("drop", "Drop such parts from digests", "digests.mark", "drop", key="minus", scope="point", footer="Drop"),
    Command("fix", "Correct a to-do: who, when, done", "digests.fix_todo", key="t", scope="point", footer="Fix"),
    Command("copy", "Copy the answer, or what was sent", "answers.copy", key="c", scope="entry"),
    Command("fork", "Continue from here in a copy of the chat", "editing.fork", key="b", scope="entry"),
    Command("edit", "Edit what was sent, in a copy of the chat", "editing.edit", key="e", scope="source"),
    Command("rename", "Rename a speaker: OLD=NEW", "editing.rename_speaker", key="n", scope="source"),
    Command("ask", "Ask your documents", "composing.ask_documents"),
    Command("guideline", "Show the rating guideline", "judging.show_guideline"),
    Command("stats", "Show your ratings and the pairs they make", "judging.show_stats"),
    Command("cancel", "Stop the answer being written", "screen.cancel", key="escape"),
    Command("title", "Rename the chat", "kept.title"),
    Command("example", "Load an example conversation", "composing.example"),
    Command("unfold", "Edit the folded paste", "composing.unfold"),
    Command("delete", "Delete this chat", "deleting.delete"),
    Command("undo", "Bring back the chat deleted last", "deleting.undo", key="ctrl+z"),
    Command("export", "Write the chat to a file: md, html or json", "kept.export"),
    Command("pull", "Download a model from the Hub", "choosing.pull"),
    Command("settings", "Settings", "app.settings", key="f2", scope="app", footer="Settings"),
    Command("teach", "Teach: from ratings to a better model", "app.open", "training", key="f4", scope="app"),
    Command("compare", "Compare the new model with the previous one, blind", "app.open", "comparing", scope="app"),
    Command("documents", "Your documents: add folders, search", "app.open", "knowledge", key="f8", scope="app"),
    Command("models", "Models: choose, go back, delete", "app.open", "models", scope="app"),
    Command("log", "Show past messages and errors", "app.open", "log", scope="app"),
    Command("theme", "Choose a theme", "app.take_theme"),
    Command("help", "Help", "app.help", key="f1", scope="app", footer="Help"),
    Command("quit", "Quit", "app.quit", key="ctrl+q", scope="app", footer="Quit", priority=True),
)


def bindings_of(*scopes: Scope) -> list[BindingType]:
    """The bindings of these scopes, each with its row's name as id, so that the settings can change it.

    An entry runs the commands of its own scopes, before the next key is handled.
    """
    return [
        Binding(
            command.key,
            f"do({command.slash!r})" if command.scope in ENTRY_SCOPES else action_of(command),
            command.footer or command.title,
            id=command.slash,
            show=bool(command.footer),
            priority=command.priority or command.scope in ENTRY_SCOPES,
            key_display=show_key(command.key),
        )
        for command in commands_of(*scopes)
        if command.key
    ]


def commands_of(*scopes: Scope) -> list[Command]:
    """The rows of these scopes, in table order."""
    return [command for command in COMMANDS if command.scope in scopes]


def find_command(line: str) -> tuple[Command, str] | None:
    """The command and the argument of a line such as "/mode few-shot"; None for an unknown command."""
    name, _, argument = line.strip().removeprefix("/").partition(" ")
    for command in COMMANDS:
        if command.slash == name:
            return command, argument.strip()
    return None


def command_named(slash: str) -> Command:
    """The row with this name."""
    return next(command for command in COMMANDS if command.slash == slash)


def action_of(command: Command, argument: str = "") -> str:
    """The command's Textual action string, with its arguments."""
    arguments = ", ".join(repr(value) for value in (command.takes, argument) if value)
    owner = command.action.partition(".")[0]
    if owner in ("app", "screen"):
        return f"{command.action}({arguments})"
    return f"screen.run({', '.join(filter(None, (repr(command.action), arguments)))})"


def key_of(command: Command, changed: Mapping[str, str]) -> str:
    """The command's keys as keyboards label them, from the settings if set there; empty if it has none."""
    keys = changed.get(command.slash, command.key)
    return ", ".join(show_key(key) for key in keys.split(",")) if keys else ""


def pressed_key(slash: str, changed: Mapping[str, str]) -> str:
    """The command's first key by Textual's name."""
    return changed.get(slash, command_named(slash).key).partition(",")[0]


def show_key(key: str) -> str:
    """The key as keyboards label it: F1, ^N, Esc, +."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+").upper()
    return _KEY_NAMES.get(key) or (key.upper() if key[:1] == "f" and key[1:].isdigit() else key)
