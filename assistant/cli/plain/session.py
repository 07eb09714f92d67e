"""The current conversation and answer: ask for, judge and inspect answers."""

from pathlib import Path

from assistant.answering import answer_question, open_library
from assistant.answering.answers import DocumentAnswer
from assistant.cli.ask import say_answer
from assistant.cli.output import note, say
from assistant.cli.plain.keeping import ChatInView
from assistant.cli.summaries.notes import note_answer, note_dialogue, telling
from assistant.cli.summaries.summarize import read_source
from assistant.conversation import Answer, Ask, Assistant, refine
from assistant.dialogue import describe, parse, parse_renames, rename, render_turns
from assistant.errors import UsageError
from assistant.feedback.guideline import load_guideline
from assistant.feedback.judgements import local_rater
from assistant.feedback.store import Store
from assistant.overview import DIGEST, Wanted, overview
from assistant.records import Dialogue, Thumb
from assistant.scoring.faithfulness.attribution import attribute
from assistant.scoring.faithfulness.verdicts import verdicts
from assistant.terminal import one_line
from assistant.tui.choices import choose_value, drawn
from assistant.tui.input.routing import ask_by
from assistant.tui.wording.judged import describe_stats
from assistant.tui.workers.asking import for_model


class Session:
    """The state between two lines. `reply` is the current answer, `written` the part of it that a model wrote."""

    def __init__(self, assistant: Assistant, store: Store, ask: Ask) -> None:
        self.assistant = assistant
        self.store = store
        self.ask = self.default_ask = ask
        self.chat = ChatInView(store)
        self.forget()

    def forget(self) -> None:
        """Clear the current conversation and answer."""
        self.dialogue: Dialogue | None = None
        self.reply: Answer | None = None
        self.written = ""
        self.question = ""

    # Settings.

    def choose(self, name: str, value: str) -> None:
        self.ask = choose_value(self.ask, name, value)
        say(f"{name.capitalize()}: {value}.")

    def model(self, ref: str) -> None:
        loaded = self.assistant.load(ref)
        say(f"Model: {loaded.model.ref} with {loaded.backend}.")

    # Asking.

    def read(self, text: str) -> None:
        """Answer a typed or pasted conversation."""
        self._read(parse(text), text)

    def read_file(self, name: str) -> None:
        """Answer the conversation in a file."""
        if not name:
            raise UsageError("name a file: /read standup.txt")
        dialogue = read_source(Path(name).expanduser())
        self._read(dialogue, render_turns(dialogue))

    def _read(self, dialogue: Dialogue, text: str) -> None:
        note_dialogue(dialogue)
        if self.assistant.has_moved():
            loaded = self.assistant.load()
            note(f"{loaded.model.ref} answers from now on: {self.assistant.why}")
        self.chat.said("conversation", text, self.ask)
        self._answer(dialogue, self.ask)

    def put_question(self, question: str) -> None:
        """Ask about the current conversation."""
        if self.dialogue is None:
            raise UsageError("there is no conversation in view: paste one first, or /ask your documents")
        if not question:
            raise UsageError("ask something: /question Who books the room?")
        self.chat.said("user", question, self.ask)
        self._answer(self.dialogue, ask_by("question", question, self.ask))

    def ask_documents(self, question: str) -> None:
        """Answer from the user's documents, with citations."""
        settings = self.assistant.settings.knowledge
        previous, self.question = self.question, question
        with open_library(settings, note) as library:
            found = list(answer_question(self.assistant, library, question, mode=self.ask.mode, previous=previous))
            has_documents = library.catalog.passage_count() > 0
        answer = found[-1]
        assert isinstance(answer, DocumentAnswer)  # nothing stops it here
        self.chat.said("user", question, self.ask)
        self.reply, self.written = None, ""
        if answer.completion is not None:
            self.reply = Answer(drafts=(answer.completion,))
            self.chat.answered(self.reply, question)
        else:
            self.chat.told("Not in your documents.", question)
        say_answer(answer, has_documents=has_documents)

    def again(self, _: str = "") -> None:
        self._answer(self._conversation(), self.ask)

    def refine(self, wish: str) -> None:
        dialogue, answer = self._conversation(), self._last()
        self._answer(dialogue, refine(self.ask, answer.completion.answer, wish))

    def rename(self, names: str) -> None:
        self._answer(rename(self._conversation(), parse_renames(names.split(","))), self.ask)

    def _answer(self, dialogue: Dialogue, ask: Ask) -> None:
        self.dialogue = dialogue
        if ask.task == "digest" and ask.settings.drafts == 1:
            self._digest(dialogue, ask)
        else:
            self._write(dialogue, ask)

    def _digest(self, dialogue: Dialogue, ask: Ask) -> None:
        wanted = Wanted(when=self.assistant.settings.summary.model_text)
        with telling(everywhere=True) as tell:
            found = overview(self.assistant, dialogue, for_model(ask), wanted, tell)
        for sentence in found.notes:
            note(sentence)
        self.reply = Answer(drafts=(found.completion,), turns=len(dialogue.turns))
        self.written = found.model_text.text if found.model_text.shown else ""
        self.chat.answered(self.reply, found.digest.title)
        say(found.text or "Nothing in it needs telling.")

    def _write(self, dialogue: Dialogue, ask: Ask) -> None:
        with telling(everywhere=True) as tell:
            self.reply = reply = self.assistant.answer(dialogue, drawn(for_model(ask)), tell)
        self.written = reply.completion.answer
        self.chat.answered(reply, reply.completion.answer)
        note_answer(reply)
        for number, draft in enumerate(reply.drafts, 1):
            say(f"Draft {number}: {draft.answer}" if len(reply.drafts) > 1 else draft.answer)
        say(f"({reply.completion.model}, {ask.mode}, {reply.completion.seconds:.1f} seconds)")

    # Judging.

    def rate(self, thumb: Thumb, why: str) -> None:
        guideline = load_guideline()
        is_listed = why in guideline.reasons[thumb]
        self.store.judgements.rate(
            self._last().completion.id,
            thumb,
            rater=local_rater(),
            reasons=[why] if is_listed else [],
            comment="" if is_listed else why,
            guideline=guideline.version,
        )
        say(f"Rated {thumb}.")

    def rank(self, order: str) -> None:
        answer = self._last()
        groups, failed = read_order(order, len(answer.drafts))
        ids = [draft.id for draft in answer.drafts]
        self.store.judgements.rank(
            [[ids[number] for number in group] for group in groups],
            rater=local_rater(),
            failed=[ids[number] for number in failed],
            shown=ids,
            guideline=load_guideline().version,
        )
        say("Ranked.")

    def stats(self, _: str = "") -> None:
        say(describe_stats(self.store.stats()))

    # Inspecting.

    def evidence(self, _: str = "") -> None:
        """Print where each sentence that a model wrote was said."""
        dialogue = self._conversation()
        if not self.written:
            say("Everything in this answer is quoted from the conversation.")
            return
        grounds = attribute(self.written, dialogue)
        for ground, verdict in zip(grounds, verdicts(self.written, dialogue, grounds), strict=True):
            say(one_line(self.written[ground.start : ground.end]))
            say(f"  {verdict.sentence}")

    def turns(self, _: str = "") -> None:
        """Print the current conversation with numbered messages."""
        dialogue = self._conversation()
        say(f"{describe(dialogue)}.")
        for number, turn in enumerate(dialogue.turns, 1):
            say(f"Message {number}, {one_line(turn.speaker)}: {one_line(turn.text)}")

    def prompt(self, _: str = "") -> None:
        completion = self._last().completion
        if completion.model == DIGEST:
            say("No model was asked: the digest quotes the conversation.")
        else:
            say(completion.prompt.replace("\f", "\n\n(next part)\n\n"))

    def _last(self) -> Answer:
        if self.reply is None:
            raise UsageError("there is no answer yet: paste a conversation first")
        return self.reply

    def _conversation(self) -> Dialogue:
        if self.dialogue is None:
            raise UsageError("there is no conversation in view yet: paste one first")
        return self.dialogue


def read_order(order: str, drafts: int) -> tuple[list[list[int]], list[int]]:
    """Parse a ranking such as "2=4 1 fail 3" into groups of drafts, best first, and failed drafts, all numbered from 0.

    Raises UsageError if a draft is left out, named twice, or does not exist.
    """
    placed, _, failed = order.partition("fail")
    try:
        groups = [[int(number) - 1 for number in group.split("=")] for group in placed.split()]
        failures = [int(number) - 1 for number in failed.split()]
    except ValueError:
        raise UsageError(f"{order!r} is not a ranking: write /rank 2=4 1 fail 3") from None
    named = sorted([number for group in groups for number in group] + failures)
    if drafts < 2 or named != list(range(drafts)):
        raise UsageError(f"there are {drafts} drafts to rank: name each of them once, such as /rank 2=4 1 fail 3")
    return groups, failures
