"""Slow work of the conversation screen: asking, counting tokens, opening a chat.

It runs in threads, posts messages with its results, and knows no widgets.
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
"""The verdict on an answer whose drafts are ranked."""
OPENED_MESSAGES = 40
"""The number of messages read when a chat is opened; earlier ones follow on demand."""
MOST_OPENED = 100
"""The most messages read if a search leads to an early one."""


class Request(Record, frozen=True):
    """A request, kept so that it can be repeated.

    `number` identifies it within the session. `question` is a question to the documents, empty for a request about the
    conversation.
    """

    number: int
    dialogue: Dialogue
    ask: Ask
    question: str = ""

    @property
    def is_digest(self) -> bool:
        """Whether the answer is a digest. Several drafts to compare are always a model's."""
        return self.ask.task == "digest" and self.ask.settings.drafts == 1

    @property
    def is_streamed(self) -> bool:
        """Whether the text is streamed."""
        if self.is_digest:
            return False
        from assistant.drafting import can_stream  # imports the engine's client, which drawing a screen does not need

        return can_stream(for_model(self.ask))


def for_model(ask: Ask) -> Ask:
    """The Ask for a model: if the user wants a digest, the model is asked for a summary."""
    return msgspec.structs.replace(ask, task="summary") if ask.task == "digest" else ask


class HalfRanking(Record, frozen=True):
    """An unfinished ranking: the ids of the drafts in their displayed order, and the ranks so far."""

    shown: tuple[str, ...]
    placing: Placing


def ask(assistant: "Assistant", request: Request, post: Post) -> None:
    """Ask, and post the answer as it comes."""
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
    """Post the digest, with the model's summary above it if settings and exam allow one."""
    from assistant.overview import Wanted, overview  # imports the digest's tables, which drawing a screen does not need

    def tell(progress: Progress) -> None:
        post(RequestProgressed(request.number, progress.stage, progress.done, progress.total))

    wanted = Wanted(when=assistant.settings.summary.model_text)
    found = overview(assistant, request.dialogue, for_model(request.ask), wanted, tell)
    for sentence in found.notes:
        post(NoticeGiven(sentence, "information"))
    answer = Answer(drafts=(found.completion,), turns=len(request.dialogue.turns))
    post(AnswerFinished(request.number, answer, found.digest.title, found.digest))


def measure(assistant: "Assistant | None", serial: int, typed: Input, ask: Ask, post: Post) -> None:
    """Read the input, find its route and, if a model is loaded, count the tokens of its prompts."""
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
    """Read the last messages of a chat, or those before one, and the answers that they show.

    `at` is a message that must be among them, and `word` a word in it.
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
    """The id of the message before this one, "" if this is the first."""
    ids = [known.id for known in store.chats.messages(chat)]
    place = ids.index(message) if message in ids else 0
    return ids[place - 1] if place else ""


def ask_of(chat: Chat, default: Ask) -> Ask:
    """The chat's last Ask, or the default if the stored one is not valid any more."""
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
    """The stored digest of an answer; None for other answers and for old digests without stored parts."""
    if completion.task != "digest":
        return None
    from assistant.overview import kept_digest  # imports the digest's tables, which drawing a screen does not need

    return kept_digest(store, completion.id)


def marks_among(judgements: "Sequence[Judged]") -> "list[Mark]":
    """The marks in force among the judgements."""
    from assistant.feedback.marks import Mark

    return [one for one in judgements if isinstance(one, Mark) and not one.ended]


def _recall_judgement(store: "Store", entry: Entry, drafts: Sequence[Completion]) -> None:
    """Set the entry's verdict, marks and ranking. An unfinished ranking continues where it stopped."""
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
    """The ranking as draft numbers in the order in which they were shown."""
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
            continue  # deleted since; the message keeps its text
    return tuple(found)
