"""`assistant --plain`: the same verbs line by line, for screen readers and terminals that cannot draw."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from assistant.cli.notes import note_answer, note_dialogue, telling
from assistant.cli.output import note, say
from assistant.conversation import Answer, Ask, Assistant, refine
from assistant.dialogue import parse, parse_renames, rename
from assistant.errors import AssistantError, UsageError
from assistant.feedback.guideline import load_guideline
from assistant.feedback.judgements import local_rater
from assistant.feedback.store import Store
from assistant.prompts import MODES, TASKS
from assistant.records import Dialogue, Thumb
from assistant.scoring.attribution import attribute
from assistant.scoring.verdicts import verdicts
from assistant.settings import load_settings
from assistant.terminal import one_line
from assistant.tui.choices import choose_value
from assistant.tui.judged import describe_stats

_HELP = """Paste a conversation and end it with a line that holds only a dot. Commands:
  /mode NAME       ask in another mode ({modes})
  /task NAME       ask for something else ({tasks})
  /drafts N        write N answers to compare
  /decoding NAME   greedy, beam or sample
  /words N         aim at a number of words; none for no aim
  /model REF       serve another model
  /again           answer the last conversation again
  /shorter         the same in fewer words
  /refine WISH     the same otherwise: longer, 20 words, focus on the refund
  /rename OLD=NEW  give speakers other names (OLD=NEW, OLD=NEW) and answer again
  /good, /bad WHY  rate the last answer; a reason may follow
  /rank 2=4 1 fail 3   rank the drafts: best first, = for a tie, what failed last
  /evidence        for each sentence where it was said, or that it was not found
  /prompt          the exact prompt of the last answer
  /stats           what was judged so far
  /help            this text
  /quit            leave (or Ctrl+D)"""


class _Session:
    """What line mode remembers between two lines."""

    def __init__(self, assistant: Assistant, store: Store, ask: Ask) -> None:
        self.assistant = assistant
        self.store = store
        self.ask = ask
        self.dialogue: Dialogue | None = None
        self.reply: Answer | None = None

    def choose(self, name: str, value: str) -> None:
        self.ask = choose_value(self.ask, name, value)
        say(f"{name.capitalize()}: {value}.")

    def model(self, ref: str) -> None:
        loaded = self.assistant.load(ref)
        say(f"Model: {loaded.model.ref} with {loaded.backend}.")

    def again(self, _: str = "") -> None:
        dialogue, _answer = self._last()
        self._answer(dialogue, self.ask)

    def refine(self, wish: str) -> None:
        dialogue, answer = self._last()
        self._answer(dialogue, refine(self.ask, answer.completion.answer, wish))

    def rename(self, names: str) -> None:
        dialogue, _answer = self._last()
        self._answer(rename(dialogue, parse_renames(names.split(","))), self.ask)

    def rate(self, thumb: Thumb, why: str) -> None:
        _, answer = self._last()
        guideline = load_guideline()
        is_listed = why in guideline.reasons[thumb]
        self.store.rate(
            answer.completion.id,
            thumb,
            rater=local_rater(),
            reasons=[why] if is_listed else [],
            comment="" if is_listed else why,
            guideline=guideline.version,
        )
        say(f"Rated {thumb}.")

    def rank(self, order: str) -> None:
        _, answer = self._last()
        groups, failed = read_order(order, len(answer.drafts))
        ids = [draft.id for draft in answer.drafts]
        self.store.rank(
            [[ids[number] for number in group] for group in groups],
            rater=local_rater(),
            failed=[ids[number] for number in failed],
            shown=ids,
            guideline=load_guideline().version,
        )
        say("Ranked.")

    def evidence(self, _: str = "") -> None:
        dialogue, answer = self._last()
        text = answer.completion.answer
        grounds = attribute(text, dialogue)
        for ground, verdict in zip(grounds, verdicts(text, dialogue, grounds), strict=True):
            say(one_line(text[ground.start : ground.end]))
            say(f"  {verdict.sentence}")

    def prompt(self, _: str = "") -> None:
        say(self._last()[1].completion.prompt.replace("\f", "\n\n(next part)\n\n"))

    def stats(self, _: str = "") -> None:
        say(describe_stats(self.store.stats()))

    def help(self, _: str = "") -> None:
        tasks = [name for name in TASKS if name in ("summary", "topic", "actions")]
        say(_HELP.format(modes=", ".join(MODES), tasks=", ".join(tasks)))

    def read(self, text: str) -> None:
        dialogue = parse(text)
        note_dialogue(dialogue)
        if self.assistant.has_moved():
            loaded = self.assistant.load()
            note(f"{loaded.model.ref} answers from now on: {self.assistant.why}")
        self._answer(dialogue, self.ask)

    def _answer(self, dialogue: Dialogue, ask: Ask) -> None:
        self.dialogue = dialogue
        with telling(everywhere=True) as tell:
            self.reply = reply = self.assistant.answer(dialogue, ask, tell)
        note_answer(reply)
        for number, draft in enumerate(reply.drafts, 1):
            say(f"{number}. {draft.answer}" if len(reply.drafts) > 1 else draft.answer)
        say(f"({reply.completion.model}, {ask.mode}, {reply.completion.seconds:.1f} seconds)")

    def _last(self) -> tuple[Dialogue, Answer]:
        if self.dialogue is None or self.reply is None:
            raise UsageError("there is no answer yet: paste a conversation first")
        return self.dialogue, self.reply


def read_order(order: str, drafts: int) -> tuple[list[list[int]], list[int]]:
    """Groups of drafts, numbered from 0, best first, and those that failed, from "2=4 1 fail 3".

    Raises UsageError where a draft is left out, named twice, or not there.
    """
    placed, _, failed = order.partition("fail")
    try:
        groups = [[int(number) - 1 for number in group.split("=")] for group in placed.split()]
        failures = [int(number) - 1 for number in failed.split()]
    except ValueError:
        raise UsageError(f"{order!r} is no order: write /rank 2=4 1 fail 3") from None
    named = sorted([number for group in groups for number in group] + failures)
    if drafts < 2 or named != list(range(drafts)):
        raise UsageError(f"there are {drafts} drafts to rank: name each of them once, such as /rank 2=4 1 fail 3")
    return groups, failures


def talk() -> int:
    """Read conversations and commands from standard input until it ends."""
    settings = load_settings()
    ask = Ask(mode=settings.prompt.mode, settings=settings.generation)
    with Store.open() as store, Assistant(settings, store=store, on_notice=note) as assistant:
        session = _Session(assistant, store, ask)
        loaded = assistant.load()
        say(f"Parley. Model: {loaded.model.ref} ({assistant.why}). /help lists the commands.")
        commands = _commands(session)
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
                    session.read(entry)
            except AssistantError as error:
                say(f"Error: {error}")
    return 0


def _commands(session: _Session) -> dict[str, Callable[[str], None]]:
    return {
        **{name: partial(session.choose, name) for name in ("mode", "task", "drafts", "decoding", "words")},
        "good": partial(session.rate, "up"),
        "bad": partial(session.rate, "down"),
        "model": session.model,
        "again": session.again,
        "shorter": lambda _: session.refine("shorter"),
        "refine": session.refine,
        "rename": session.rename,
        "rank": session.rank,
        "evidence": session.evidence,
        "prompt": session.prompt,
        "stats": session.stats,
        "help": session.help,
    }


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
