"""The work behind the conversation screen that takes longer than a key may: asking, counting, opening a chat. Runs in
threads and tells what it finds in messages; knows no widget.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from textual.message import Message

from assistant.engine.protocol import Piece, Progress
from assistant.errors import DataMissing, InputUnreadable
from assistant.prompts import MODES
from assistant.records import Answer, Ask, Chat, Completion, Dialogue, Prompt, Ranking, Rating, Record, Thumb
from assistant.records import Message as ChatMessage
from assistant.tui.input.reading import read_dialogue
from assistant.tui.input.routing import Input, ask_by, asked_about, plan
from assistant.tui.messages import (
    AnswerFinished,
    AnswerGrew,
    ChatOpened,
    Entry,
    InputMeasured,
    NoticeGiven,
    RequestProgressed,
)
from assistant.tui.placing import Placing
from assistant.tui.workers.keeping import RANKING, WRITING

if TYPE_CHECKING:
    from assistant.conversation import Assistant
    from assistant.digest import Digest
    from assistant.feedback.judgements import Judged
    from assistant.feedback.marks import Mark
    from assistant.feedback.store import Store

Post = Callable[[Message], object]

VERDICTS: dict[Thumb, str] = {"up": "▲ good", "down": "▼ bad"}
RANKED = "ranked"
"""The verdict on an answer whose drafts have their places."""
OPENED_MESSAGES = 40
"""So many messages of a chat are read at once; earlier ones follow on demand."""
MOST_OPENED = 100
"""So many at most where a search leads to an early one."""


class Request(Record, frozen=True):
    """What was asked for, to ask again. `number` tells the requests of one session apart. `question` is one to the
    documents, empty where the conversation was asked about.
    """

    number: int
    dialogue: Dialogue
    ask: Ask
    question: str = ""

    @property
    def is_digest(self) -> bool:
        """Whether the digest answers. Several drafts to compare are a model's."""
        return self.ask.task == "digest" and self.ask.settings.drafts == 1

    @property
    def is_streamed(self) -> bool:
        """Whether the text comes word by word."""
        if self.is_digest:
            return False
        from assistant.drafting import can_stream  # with the engine's client: not needed to draw a screen

        return can_stream(for_model(self.ask))


def for_model(ask: Ask) -> Ask:
    """How a model is asked where the digest can't answer: for a summary."""
    return msgspec.structs.replace(ask, task="summary") if ask.task == "digest" else ask


class HalfRanking(Record, frozen=True):
    """A ranking in the making: the ids of the drafts as they are shown, and the places so far."""

    shown: tuple[str, ...]
    placing: Placing


def ask(assistant: "Assistant", request: Request, post: Post) -> None:
    """Ask, and tell what comes."""
    if request.is_digest:
        _digest(assistant, request, post)
        return
    if request.is_streamed:
        for news in assistant.stream(request.dialogue, for_model(request.ask)):
            if isinstance(news, Piece):
                post(AnswerGrew(request.number, news.text))
            else:
                post(AnswerFinished(request.number, news))
        return

    def tell(progress: Progress) -> None:
        post(RequestProgressed(request.number, progress.stage, progress.done, progress.total))

    post(AnswerFinished(request.number, assistant.answer(request.dialogue, for_model(request.ask), tell)))


def _digest(assistant: "Assistant", request: Request, post: Post) -> None:
    """The digest, and the model's summary above it where the model has earned that."""
    from assistant.overview import Wanted, overview  # with the digest's tables: not needed to draw a screen

    def tell(progress: Progress) -> None:
        post(RequestProgressed(request.number, progress.stage, progress.done, progress.total))

    wanted = Wanted(when=assistant.settings.summary.model_text)
    found = overview(assistant, request.dialogue, for_model(request.ask), wanted, tell)
    for sentence in found.notes:
        post(NoticeGiven(sentence, "information"))
    answer = Answer(drafts=(found.completion,), turns=len(request.dialogue.turns))
    post(AnswerFinished(request.number, answer, found.digest.title, found.digest))


def measure(assistant: "Assistant | None", serial: int, typed: Input, ask: Ask, post: Post) -> None:
    """Read the input, find where it goes and, once there is a model, count the prompts that it makes."""
    try:
        sending = plan(typed)
    except InputUnreadable:
        post(InputMeasured(serial, None, ()))
        return
    prompts: Sequence[Prompt] = ()
    dialogue = asked_about(sending, typed.in_view)
    asked = ask_by(sending.route, typed.text, ask)
    if assistant is not None and dialogue is not None and not (asked.task == "digest" and asked.settings.drafts == 1):
        prompts = assistant.prompts(dialogue, for_model(asked))
    post(InputMeasured(serial, sending, tuple(prompts)))


def open_chat(store: "Store", id: str, post: Post, before: str | None = None, *, at: str = "", word: str = "") -> None:
    """Read the last messages of a chat, or those before one, with the answers that they show. `at` is a message that
    has to be among them, and `word` one in it.
    """
    chat = store.chats.get(id)
    limit, upto = OPENED_MESSAGES, before
    if at:
        ids = [message.id for message in store.chats.messages(chat.id)]
        behind = len(ids) - ids.index(at) if at in ids else 0
        limit = min(max(limit, behind), MOST_OPENED)
        if behind > MOST_OPENED:
            upto = ids[ids.index(at) + OPENED_MESSAGES]
            post(NoticeGiven("Later messages are not shown: open the chat with Ctrl+R to see them.", "information"))
    messages = store.chats.messages(chat.id, limit, upto)
    entries = [entry for message in messages if (entry := _entry(store, message)) is not None]
    first = messages[0].id if len(messages) == limit else ""
    unfinished = "" if before else store.chats.unfinished(chat.id, WRITING)
    is_page = before is not None
    post(ChatOpened(chat, entries, earlier=first, unfinished=unfinished, is_page=is_page, at=at, word=word))


def message_before(store: "Store", chat: str, message: str) -> str:
    """The id of the message before one, "" where it is the first."""
    ids = [known.id for known in store.chats.messages(chat)]
    place = ids.index(message) if message in ids else 0
    return ids[place - 1] if place else ""


def ask_of(chat: Chat, default: Ask) -> Ask:
    """How the chat was last asked; the default where it says nothing that is known today."""
    try:
        kept = msgspec.convert(chat.settings, Ask, strict=False) if chat.settings else default
    except msgspec.ValidationError:
        return default
    return kept if kept.mode in MODES else default


def _entry(store: "Store", message: ChatMessage) -> Entry | None:
    if message.kind == "conversation":
        try:
            return Entry(message.id, dialogue=read_dialogue(message.text), text=message.text)
        except InputUnreadable:
            return None
    if message.kind == "user":
        return Entry(message.id, text=message.text, is_question=True)
    shown = _completions(store, message.completions)
    drafts = tuple(sorted(shown, key=lambda draft: draft.draft_index))
    if not drafts:
        return Entry(message.id, text=message.text)
    entry = Entry(message.id, answer=Answer(drafts=drafts, parts=tuple(store.completions.parts_of(drafts[0].id))))
    entry.order = [drafts.index(draft) for draft in shown]
    _recall_judgement(store, entry, drafts)
    entry.digest = digest_in(store, drafts[0])
    return entry


def digest_in(store: "Store", completion: Completion) -> "Digest | None":
    """The parts of an answer that is a digest; None for others, and for digests from before parts were kept."""
    if completion.task != "digest":
        return None
    from assistant.overview import kept_digest  # with the digest's tables: not needed to draw a screen

    return kept_digest(store, completion.id)


def marks_among(judgements: "Sequence[Judged]") -> "list[Mark]":
    """Those of the judgements that are about parts of a digest."""
    from assistant.feedback.marks import Mark

    return [one for one in judgements if isinstance(one, Mark) and not one.ended]


def _recall_judgement(store: "Store", entry: Entry, drafts: Sequence[Completion]) -> None:
    """What the user thought of the answer; a ranking that was half made goes on where it stopped."""
    ids = [draft.id for draft in drafts]
    in_force = [judgement for judgement in store.judgements.of_completion(ids[0]) if not judgement.ended]
    entry.marks = marks_among(in_force)
    for judgement in in_force:
        if isinstance(judgement, Rating):
            entry.verdict = VERDICTS[judgement.thumb]
        elif isinstance(judgement, Ranking) and set(judgement.shown) == set(ids):
            entry.order = [ids.index(id) for id in judgement.shown]
            entry.placing = placing_of(judgement)
            entry.verdict = RANKED
    half = store.chats.unfinished(drafts[0].draft_of, RANKING) if len(ids) > 1 else ""
    if half:
        kept = msgspec.json.decode(half, type=HalfRanking)
        if set(kept.shown) == set(ids):
            entry.order, entry.placing = [ids.index(id) for id in kept.shown], kept.placing


def placing_of(ranking: Ranking) -> Placing:
    """The order as numbers of the drafts as they were shown."""
    number = ranking.shown.index
    return Placing(
        drafts=len(ranking.shown),
        groups=tuple(tuple(number(id) for id in group) for group in ranking.groups),
        failed=tuple(number(id) for id in ranking.failed),
    )


def _completions(store: "Store", ids: Sequence[str]) -> tuple[Completion, ...]:
    found = []
    for id in ids:
        try:
            found.append(store.completions.get(id))
        except DataMissing:
            continue  # deleted since: the message keeps its text
    return tuple(found)
