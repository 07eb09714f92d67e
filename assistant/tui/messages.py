"""Messages: workers and widgets post them, screens and the app handle them."""

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
"""Whether larger models are offered: not at all, by name, or with a line about the missing network."""


@dataclass
class ComposerChanged(Message):
    """The text to be sent has changed."""


@dataclass
class ComposerSubmitted(Message):
    """The user sent the composer's text: folded pastes and typed text together."""

    text: str


@dataclass
class InputMeasured(Message):
    """The composer's text was read, and its prompts were counted.

    `serial` identifies the text. `sending` is what Enter would do, None if there is nothing to send.
    """

    serial: int
    sending: Sending | None
    prompts: tuple[Prompt, ...]


@dataclass
class AnswerGrew(Message):
    """The answer being written grew by this text."""

    request: int
    text: str


@dataclass
class RequestProgressed(Message):
    """Progress of a request that does not stream."""

    request: int
    stage: str
    done: int
    total: int


@dataclass
class AnswerFinished(Message):
    """The answer is complete and stored.

    `title` names its subject; it is empty if only the answer does. `digest` is set if the answer is a digest.
    """

    request: int
    answer: Answer
    title: str = ""
    digest: "Digest | None" = None


@dataclass
class ModelChanged(Message):
    """Loading of the model began, progressed, ended or failed. `offering` says whether larger models are offered."""

    state: Literal["loading", "ready", "failed"]
    label: str
    detail: str = ""
    ref: str = ""
    offering: Offering = ""


@dataclass
class ModelOffered(Message):
    """The user chose one of the models offered in an empty chat, or none ("")."""

    ref: str


@dataclass
class NoticeGiven(Message):
    """A notice from a thread, such as that the model's process was restarted."""

    sentence: str
    severity: Literal["information", "warning"] = "warning"


@dataclass
class ChoiceOpened(Message):
    """The user wants to change a choice of the control line or the panel."""

    name: str


@dataclass
class ChoiceReset(Message):
    """The user wants to reset a choice to the settings file's value."""

    name: str


@dataclass
class PullMoved(Message):
    """Progress of a download: bytes so far, total bytes (0 if unknown) and bytes per second; or the model is being
    converted.
    """

    ref: str
    done: int
    total: int
    rate: float
    is_converting: bool = False


@dataclass
class PullEnded(Message):
    """The download of a model ended: it succeeded, was stopped, or failed. A failure is reported separately."""

    ref: str
    done: int
    total: int
    is_here: bool
    is_stopped: bool


@dataclass
class GroundsFound(Message):
    """The evidence for each sentence of an answer, by meaning too; None if meanings could not be compared."""

    grounds: "Sequence[Grounds] | None"


@dataclass
class Entry:
    """One entry of a stored chat: a conversation, a question (or instruction), an answer, or another text.

    `message` is its id, `text` what was sent. A judged answer has the order in which its drafts were shown, their
    ranks, and the verdict.
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
    """A chat was read from the store or, if `is_page`, an earlier page of it.

    `earlier` is the id of the first message read if there are more before it. `at` is a message to show and `word` a
    word in it, if a search led here. `unfinished` is the part of an answer that was written when the app was killed.
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
    """The user wants the messages before this one."""

    before: str


@dataclass
class HitsFound(Message):
    """The hits of a search for `words` in all chats."""

    words: str
    hits: "Sequence[Hit]"


@dataclass
class ChatSearched(Message):
    """The user searches the list of chats."""

    words: str


@dataclass
class ChatChosen(Message):
    """The user wants to continue this chat."""

    id: str


@dataclass
class ChatDeletionAsked(Message):
    """The user wants to delete a chat."""

    id: str


@dataclass
class ChatPinAsked(Message):
    """The user wants to pin a chat to the top of the list, or unpin it."""

    id: str


@dataclass
class ChatRenameAsked(Message):
    """The user wants to rename a chat in the list."""

    id: str


@dataclass
class StoreFailed(Message):
    """Something could not be stored."""

    error: Exception


@dataclass
class RatingsCounted(Message):
    """What there is to learn from: ratings and rankings, the pairs they make, and the conversations behind those."""

    ratings: int
    pairs: int
    conversations: int


@dataclass
class PairsWritten(Message):
    """Both models of a blind comparison have answered; `folder` is the version's, which stores its trials."""

    pairs: "tuple[Pair, ...]"
    folder: Path
    against: str


@dataclass(frozen=True)
class Source:
    """A place in a document: characters `start` to `end` of its text are `text`.

    `place` names the sheet and row, the slide or the message.
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
    """The user wants to see a source in its document."""

    source: Source


@dataclass
class SourcesFound(Message):
    """The passages found for a question or, if final, the places that its answer cites.

    `marks` are the answer's sentences, each with the number of its source, or None if none supports it.
    """

    request: int
    sources: Sequence[Source]
    is_final: bool
    marks: Sequence[tuple[str, int | None]] = ()


@dataclass
class DocumentsMissed(Message):
    """The documents do not contain the answer: `why` says so in a sentence, `nearest` are the nearest passages."""

    request: int
    nearest: Sequence[Source]
    why: str


@dataclass(frozen=True)
class Root:
    """An added file or folder: the number of files and passages read in it, and the skipped files with reasons."""

    path: str
    files: int
    passages: int
    skipped: Sequence[str]
    is_there: bool


@dataclass
class DocumentsChanged(Message):
    """The indexed folders; `files` counts the documents that can answer questions."""

    roots: Sequence[Root]
    files: int


@dataclass
class IndexingProgressed(Message):
    """Indexing progressed by a file; it has ended if `progress` is None."""

    progress: "Progress | None"


@dataclass
class PassagesFound(Message):
    """The passages that a search found; `is_likely` is true if they seem to match."""

    words: str
    sources: Sequence[Source]
    is_likely: bool


@dataclass
class PassageOpened(Message):
    """The full text of a source's document."""

    source: Source
    text: str
