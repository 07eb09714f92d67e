"""The records of an answer from documents: frozen values like those of `assistant.records`."""

from assistant.records import Completion, Record
from knowledge.search.confidence import Certainty


class Citation(Record, frozen=True):
    """A place in one of the user's documents: `text` is characters `start` to `end` of the document's text. `score`,
    from 0 to 1, is the similarity to what it is cited for. `place` names a part of the document, such as "sheet Rooms,
    row 3"; `answer` is the range in the document of the words that answer, if known.
    """

    passage_id: str
    document: str
    page: int | None
    start: int
    end: int
    text: str
    score: float
    place: str = ""
    answer: tuple[int, int] | None = None


class CitedSentence(Record, frozen=True):
    """A sentence of an answer from documents. `citation` is its index in the answer's citations; None if none supports
    it.
    """

    text: str
    citation: int | None


class DocumentAnswer(Record, frozen=True):
    """The answer of the user's documents to a question.

    If it is not `answerable`, the documents do not seem to contain the answer, and there is no `completion`; `nearest`
    is the best match. `is_written` distinguishes a model's own words from a quoted sentence. `confidence` is the
    probability that the first passage found answers the question, and `certainty` its level: "sure", "probable" or
    "none". Quotes that `disagree` are sorted newest first.
    """

    question: str
    answerable: bool
    confidence: float
    completion: Completion | None = None
    is_written: bool = False
    sentences: tuple[CitedSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    nearest: tuple[Citation, ...] = ()
    certainty: Certainty = "sure"
    disagree: bool = False

    @property
    def preface(self) -> str:
        """The text before the quotes: that they are probable, or that they disagree."""
        if self.is_written or not self.answerable:
            return ""
        if self.disagree:
            return "Your documents disagree; the newest first:"
        return "Probably:" if self.certainty == "probable" else ""

    @property
    def text(self) -> str:
        """The answer as plain text, empty if there is none."""
        return self.completion.answer if self.completion else ""

    @property
    def is_supported(self) -> bool:
        """Whether every sentence of the answer has a citation."""
        return bool(self.sentences) and all(sentence.citation is not None for sentence in self.sentences)
