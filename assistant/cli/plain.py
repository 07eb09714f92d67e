"""`assistant --plain`: the same verbs line by line, for screen readers and terminals that cannot draw."""

import sys
from collections.abc import Callable, Iterator

import msgspec

from assistant.cli.output import note, say
from assistant.conversation import Answer, Ask, Assistant
from assistant.dialogue import parse
from assistant.errors import AssistantError, UsageError
from assistant.feedback.store import Store
from assistant.prompts import MODES, TASKS, unknown_mode
from assistant.records import Task
from assistant.settings import load_settings

_HELP = """Paste a conversation and end it with a line that holds only a dot. Commands:
  /mode NAME   ask in another mode ({modes})
  /task NAME   ask for something else ({tasks})
  /model REF   serve another model
  /again       answer the last conversation again
  /help        this text
  /quit        leave (or Ctrl+D)"""


class _Session:
    """What line mode remembers between two lines."""

    def __init__(self, assistant: Assistant, ask: Ask) -> None:
        self.assistant = assistant
        self.ask = ask
        self.last = ""

    def mode(self, name: str) -> None:
        if name not in MODES:
            raise unknown_mode(name)
        self.ask = msgspec.structs.replace(self.ask, mode=name)
        say(f"Mode: {name}.")

    def task(self, name: str) -> None:
        if name not in TASKS:
            raise UsageError(f"unknown task {name!r}; there are {', '.join(TASKS)}")
        task: Task = msgspec.convert(name, Task)
        self.ask = msgspec.structs.replace(self.ask, task=task)
        say(f"Task: {name}.")

    def model(self, ref: str) -> None:
        loaded = self.assistant.load(ref)
        say(f"Model: {loaded.model.ref} with {loaded.backend}.")

    def again(self, _: str = "") -> None:
        if not self.last:
            raise UsageError("nothing to answer again yet")
        self.answer(self.last)

    def help(self, _: str = "") -> None:
        say(_HELP.format(modes=", ".join(MODES), tasks=", ".join(TASKS)))

    def answer(self, text: str) -> None:
        dialogue = parse(text)
        self.last = text
        speakers = f"{len(dialogue.speakers)} speakers" if dialogue.has_speakers else "no speakers"
        note(f"Conversation, {len(dialogue.turns)} turns, {speakers}.")
        if self.assistant.has_moved():
            loaded = self.assistant.load()
            note(f"{loaded.model.ref} answers from now on: {self.assistant.why}")
        reply: Answer = self.assistant.answer(dialogue, self.ask)
        for draft in reply.drafts:
            say(draft.answer)
        say(f"({reply.completion.model}, {self.ask.mode}, {reply.completion.seconds:.1f} seconds)")


def talk() -> int:
    """Read conversations and commands from standard input until it ends."""
    settings = load_settings()
    ask = Ask(mode=settings.prompt.mode, settings=settings.generation)
    with Store.open() as store, Assistant(settings, store=store, on_notice=note) as assistant:
        session = _Session(assistant, ask)
        loaded = assistant.load()
        say(f"Parley. Model: {loaded.model.ref} ({assistant.why}). /help lists the commands.")
        commands: dict[str, Callable[[str], None]] = {
            "mode": session.mode,
            "task": session.task,
            "model": session.model,
            "again": session.again,
            "help": session.help,
        }
        for entry in _entries():
            name, _, argument = entry.removeprefix("/").partition(" ")
            if entry in ("/quit", "/exit"):
                break
            try:
                if entry.startswith("/"):
                    if name not in commands:
                        raise UsageError(f"no command /{name}; /help lists them")
                    commands[name](argument.strip())
                else:
                    session.answer(entry)
            except AssistantError as error:
                say(f"Error: {error}")
    return 0


def _entries() -> Iterator[str]:
    """Commands, one a line, and conversations, which end with a dot on a line of its own or with the input."""
    lines: list[str] = []
    for line in sys.stdin:
        text = line.rstrip("\n")
        if not lines and text.startswith("/"):
            yield text.strip()
        elif text == ".":
            yield "\n".join(lines)
            lines = []
        elif lines or text.strip():
            lines.append(text)
    if lines:
        yield "\n".join(lines)
