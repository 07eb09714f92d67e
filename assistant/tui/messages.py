"""What happened, as values: workers and widgets post these, screens and the app act on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from assistant.records import Answer, Chat, Dialogue, Prompt
from assistant.tui.input.routing import Sending
from assistant.tui.placing import Placing

if TYPE_CHECKING:
    from assistant.digest import Digest
    from assistant.feedback.chats import Hit
    from assistant.feedback.marks import Mark
    from assistant.scoring.faithfulness.attribution import Grounds
    from assistant.trials import Pair
    from knowledge.library import Progress


Offering = Literal["", "models", "offline"]
"""Whether larger models are offered: not at all, by name, or in a line that says that there is no network."""


@dataclass
class ComposerChanged(Message):
    """The text to be sent is another one now."""


@dataclass
class ComposerSubmitted(Message):
    """The user sent what the composer holds: folded pastes and typed text together."""

    text: str


@dataclass
class InputMeasured(Message):
    """The text in the composer was read and its prompts were counted; `serial` tells which text it was, `sending` what
    Enter would do, None where there is nothing to send.
    """

    serial: int
    sending: Sending | None
    prompts: tuple[Prompt, ...]


@dataclass
class AnswerGrew(Message):
    """The answer being written got longer by this text."""

    request: int
    text: str


@dataclass
class RequestProgressed(Message):
    """A request without a stream goes on."""

    request: int
    stage: str
    done: int
    total: int


@dataclass
class AnswerFinished(Message):
    """The answer is complete and stored. `title` names its subject, empty where nothing but the answer tells it;
    `digest` has the parts of one that is a digest.
    """

    request: int
    answer: Answer
    title: str = ""
    digest: "Digest | None" = None


@dataclass
class ModelChanged(Message):
    """Loading began, went on, ended or failed. `offering` says whether a larger model is offered."""

    state: Literal["loading", "ready", "failed"]
    label: str
    detail: str = ""
    ref: str = ""
    offering: Offering = ""


@dataclass
class ModelOffered(Message):
    """The user took one of the models that are offered in an empty chat, or none ("")."""

    ref: str


@dataclass
class NoticeGiven(Message):
    """A thread has something to say, such as that the model's process was restarted."""

    sentence: str
    severity: Literal["information", "warning"] = "warning"


@dataclass
class ChoiceOpened(Message):
    """The user wants to change one of the choices on the control line or in the panel."""

    name: str


@dataclass
class ChoiceReset(Message):
    """The user wants a choice as the settings have it."""

    name: str


@dataclass
class PullMoved(Message):
    """So many bytes of a model are here, of so many (0 while nobody knows), and so many come a second; or all are here
    and it is converted.
    """

    ref: str
    done: int
    total: int
    rate: float
    is_converting: bool = False


@dataclass
class PullEnded(Message):
    """The download of a model is over: it is here, or it was stopped, or it failed, which is said apart."""

    ref: str
    done: int
    total: int
    is_here: bool
    is_stopped: bool


@dataclass
class GroundsFound(Message):
    """What each sentence of an answer rests on, by meaning too; None where meanings could not be compared."""

    grounds: "Sequence[Grounds] | None"


@dataclass
class Entry:
    """One entry of a kept chat: a conversation, a question (or instruction), an answer, or a text that is neither.
    `message` is its id, `text` what was sent.

    Of a judged answer: the order in which its drafts were shown, their places in it, and what was thought of it.
    """

    message: str
    dialogue: Dialogue | None = None
    answer: Answer | None = None
    text: str = ""
    is_question: bool = False
    order: Sequence[int] = ()
    placing: Placing | None = None
    verdict: str = ""
    digest: "Digest | None" = None
    marks: "Sequence[Mark]" = ()


@dataclass
class ChatOpened(Message):
    """A chat was read from the store, or, where `is_page`, an earlier page of it.

    `earlier` is the id of its first message read where there are more before it. `at` is the message to be shown and
    `word` one in it, where a search led here. `unfinished` is what an answer had
    come to when the app was killed.
    """

    chat: Chat
    entries: Sequence[Entry]
    earlier: str = ""
    unfinished: str = ""
    is_page: bool = False
    at: str = ""
    word: str = ""


@dataclass
class EarlierWanted(Message):
    """The user scrolled up to what was said before a message."""

    before: str


@dataclass
class HitsFound(Message):
    """What a search in all chats found; `words` says for what."""

    words: str
    hits: "Sequence[Hit]"


@dataclass
class ChatSearched(Message):
    """The user looks for a chat."""

    words: str


@dataclass
class ChatChosen(Message):
    """The user wants to go on with this chat."""

    id: str


@dataclass
class ChatDeletionAsked(Message):
    """The user wants a chat gone."""

    id: str


@dataclass
class ChatPinAsked(Message):
    """The user wants a chat at the head of the list, or no more."""

    id: str


@dataclass
class ChatRenameAsked(Message):
    """The user wants to give a chat of the list another title."""

    id: str


@dataclass
class StoreFailed(Message):
    """Something could not be kept."""

    error: Exception


@dataclass
class RatingsCounted(Message):
    """How much there is to learn from: ratings and rankings, the pairs that they make, of so many conversations."""

    ratings: int
    pairs: int
    conversations: int


@dataclass
class PairsWritten(Message):
    """Both models of a blind comparison answered; `folder` is the version's, where its trials are kept."""

    pairs: "tuple[Pair, ...]"
    folder: Path
    against: str


@dataclass(frozen=True)
class Source:
    """A place in a document: characters `start` to `end` of its text are `text`. `place` names the sheet and row, the
    slide or the message that it stands in.
    """

    passage_id: str
    document: str
    page: int | None
    start: int
    end: int
    text: str
    place: str = ""


@dataclass
class SourceChosen(Message):
    """The user wants to see a source in its context."""

    source: Source


@dataclass
class SourcesFound(Message):
    """The passages that a question found, or, where it is final, the places that its answer cites. `marks` are the
    answer's sentences, each with the number of its source, None where none supports it.
    """

    request: int
    sources: Sequence[Source]
    is_final: bool
    marks: Sequence[tuple[str, int | None]] = ()


@dataclass
class DocumentsMissed(Message):
    """The documents do not seem to hold the answer; `nearest` is the best miss."""

    request: int
    nearest: Sequence[Source]


@dataclass(frozen=True)
class Root:
    """A file or folder that was added: what was read below it, and what was skipped, with the reasons."""

    path: str
    files: int
    passages: int
    skipped: Sequence[str]
    is_there: bool


@dataclass
class DocumentsChanged(Message):
    """Which folders there are; `files` counts the documents that can answer."""

    roots: Sequence[Root]
    files: int


@dataclass
class IndexingProgressed(Message):
    """Reading goes on, file by file; without `progress` it has ended."""

    progress: "Progress | None"


@dataclass
class PassagesFound(Message):
    """What a search found; `is_likely` says whether it seems to be what was looked for."""

    words: str
    sources: Sequence[Source]
    is_likely: bool


@dataclass
class PassageOpened(Message):
    """The whole text of a source's document."""

    source: Source
    text: str
