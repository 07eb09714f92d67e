"""Everything that can be done, once: a slash command, an entry in the palette and a line of the help."""

from typing import NamedTuple


class Command(NamedTuple):
    """`action` is a Textual action of the chat screen or the app; `takes` names the argument a slash command may
    give it.
    """

    slash: str
    title: str
    action: str
    takes: str = ""
    keys: str = ""


COMMANDS: tuple[Command, ...] = (
    Command("new", "New chat", "screen.new_chat", keys="Ctrl+N"),
    Command("task", "Choose what to write: summary, topic or action items", "screen.choose", "task", keys="F5"),
    Command("mode", "Choose the prompting mode", "screen.choose", "mode", keys="F3"),
    Command("model", "Choose the model", "screen.choose", "model", keys="F6"),
    Command("drafts", "Choose how many drafts to write", "screen.choose", "drafts"),
    Command("decoding", "Choose greedy, beam or sample decoding", "screen.choose", "decoding"),
    Command("resume", "Find a chat and go on with it", "screen.resume", keys="Ctrl+R"),
    Command("good", "Rate the answer up", "screen.rate", "up", keys="+"),
    Command("bad", "Rate the answer down", "screen.rate", "down", keys="-"),
    Command("rank", "Rank the drafts", "screen.rank", keys="r"),
    Command("guideline", "Show what ratings go by", "screen.show_guideline"),
    Command("stats", "What was judged so far, and what it makes", "screen.show_stats"),
    Command("shorter", "Write it in fewer words", "screen.refine"),
    Command("evidence", "Mark what the conversation does not say", "screen.show_evidence", keys="e"),
    Command("prompt", "Show the exact prompt", "screen.show_prompt", keys="p"),
    Command("copy", "Copy the answer", "screen.copy", keys="c"),
    Command("again", "Write the answer again", "screen.regenerate", keys="g"),
    Command("cancel", "Stop the answer being written", "screen.cancel", keys="Esc"),
    Command("example", "Bring a conversation to try", "screen.example"),
    Command("settings", "Settings", "app.settings", keys="F2"),
    Command("unfold", "Edit the folded paste", "screen.unfold"),
    Command("export", "Write the chat to a file: md or json", "screen.export"),
    Command("theme", "Choose a theme", "app.change_theme"),
    Command("help", "Help", "app.help", keys="F1"),
    Command("quit", "Quit", "app.quit", keys="Ctrl+Q"),
)


def find_command(line: str) -> tuple[Command, str] | None:
    """The command and the argument that a line such as "/mode few-shot" names."""
    name, _, argument = line.strip().removeprefix("/").partition(" ")
    for command in COMMANDS:
        if command.slash == name:
            return command, argument.strip()
    return None


def action_of(command: Command, argument: str = "") -> str:
    """The Textual action string, argument included."""
    arguments = ", ".join(repr(value) for value in (command.takes, argument) if value)
    return f"{command.action}({arguments})"
