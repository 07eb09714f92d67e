"""Read conversations and commands line by line, and carry them out."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from assistant.cli.output import note, plainly, say
from assistant.cli.plain.chats import KeptChats
from assistant.cli.plain.session import Session
from assistant.conversation import Ask, Assistant
from assistant.errors import AssistantError, UsageError
from assistant.feedback.store import Store
from assistant.prompts import MODES
from assistant.settings import load_settings
from assistant.tui.choices import CHOICES

_HELP = """Paste a conversation and end it with a line that holds only a dot. Commands:
  /read FILE       read a conversation from a file and answer it
  /ask QUESTION    answer from your documents, with sources
  /question TEXT   ask about the conversation in view
  /again           answer the last conversation again
  /shorter         write it in fewer words
  /refine WISH     write it differently: longer, 20 words, focus on the refund
  /rename OLD=NEW  rename speakers (OLD=NEW, OLD=NEW) and answer again
  /turns           show the conversation, message by message
  /evidence        show where each sentence of a model was said
  /prompt          show the exact prompt of the last answer
  /good, /bad WHY  rate the last answer; a reason may follow
  /rank 2=4 1 fail 3   rank the drafts: best first, = for a tie, failed ones last
  /stats           show your ratings and the pairs they make
  /task NAME       choose what to write ({tasks})
  /mode NAME       choose the prompting mode ({modes})
  /drafts N        write N answers to compare
  /decoding NAME   greedy, beam or sample
  /words N         aim at N words; none removes the limit
  /model REF       use another model
  /chats [WORDS]   list recent chats, or those that contain the words
  /resume N        continue a chat, by its number in the list or its id
  /new             start a new chat
  /title TEXT      rename this chat
  /export KIND     write this chat to a file: md, html or json
  /delete [N]      delete this chat, or one from the list
  /undo            bring back the last deleted chat
  /help            show this list
  /quit            leave (or Ctrl+D)"""


def talk(*, continue_last: bool = False) -> int:
    """Read conversations and commands from standard input until it ends."""
    settings = load_settings()
    ask = Ask(mode=settings.prompt.mode, task=settings.summary.task, settings=settings.generation)
    with plainly(), Store.open() as store, Assistant(settings, store=store, on_notice=note) as assistant:
        store.deletions.finish()
        session = Session(assistant, store, ask)
        chats = KeptChats(session)
        loaded = assistant.load()
        why = assistant.why.removesuffix(".")
        say(f"Parley. Model: {loaded.model.ref} ({why}). /help lists the commands.")
        last = store.chats.last() if continue_last else None
        if last is not None:
            chats.resume(last.id)
        for entry in _entries():
            if entry in ("/quit", "/exit"):
                break
            _carry_out(entry, session, _commands(session, chats))
        store.deletions.finish()
    return 0


def _carry_out(entry: str, session: Session, commands: dict[str, Callable[[str], None]]) -> None:
    name, _, argument = entry.removeprefix("/").partition(" ")
    try:
        if not entry.startswith("/"):
            session.read(entry)
        elif name in commands:
            commands[name](argument.strip())
        else:
            raise UsageError(f"no command /{name}; /help lists them")
    except AssistantError as error:
        say(f"Error: {error}")


def _commands(session: Session, chats: KeptChats) -> dict[str, Callable[[str], None]]:
    return {
        **{name: partial(session.choose, name) for name in ("mode", "task", "drafts", "decoding", "words")},
        "good": partial(session.rate, "up"),
        "bad": partial(session.rate, "down"),
        "model": session.model,
        "read": session.read_file,
        "ask": session.ask_documents,
        "question": session.put_question,
        "again": session.again,
        "shorter": lambda _: session.refine("shorter"),
        "refine": session.refine,
        "rename": session.rename,
        "rank": session.rank,
        "turns": session.turns,
        "evidence": session.evidence,
        "prompt": session.prompt,
        "stats": session.stats,
        "chats": chats.list,
        "resume": chats.resume,
        "new": chats.new,
        "title": chats.title,
        "export": chats.export,
        "delete": chats.delete,
        "undo": chats.undo,
        "help": lambda _: say(
            _HELP.format(modes=", ".join(MODES), tasks=", ".join(offer.value for offer in CHOICES["task"].offers))
        ),
    }


def _entries() -> Iterator[str]:
    """Yield commands, one per line, and conversations, which end at a line with only a dot or with the input."""
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
