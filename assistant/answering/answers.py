"""The nouns of an answer from documents: frozen values like those of `assistant.records`."""

from assistant.records import Completion, Record
from knowledge.search.confidence import Certainty


class Citation(Record, frozen=True):
    """A place in one of the user's documents: characters `start` to `end` of its text are `text`. `score` is how near
    it is to what it is cited for, 0 to 1. `place` names a part of the document, such as "sheet Rooms, row 3";
    `answer` is where in the document the words begin and end that answer, where they are known.
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
    """A sentence of an answer from documents. `citation` is its place in the answer's citations; None where nothing
    there supports it.
    """

    text: str
    citation: int | None


class DocumentAnswer(Record, frozen=True):
    """What the user's documents say to a question.

    Where it is not `answerable` the documents do not seem to hold the answer, and there is no `completion`; `nearest`
    is the best miss. `is_written` tells a model's own words from a sentence quoted word for word. `confidence` is how
    likely the first passage found answers, 0 to 1, and `certainty` what that allows: "sure", "probable" or "none".
    Where the quotes `disagree` they stand with the newest first.
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
        """What is said before the quotes: that they are probable, or that they disagree."""
        if self.is_written or not self.answerable:
            return ""
        if self.disagree:
            return "Your documents disagree; the newest first:"
        return "Probably:" if self.certainty == "probable" else ""

    @property
    def text(self) -> str:
        """The answer as plain text, empty where there is none."""
        return self.completion.answer if self.completion else ""

    @property
    def is_supported(self) -> bool:
        """Whether every sentence of the answer is."""
        return bool(self.sentences) and all(sentence.citation is not None for sentence in self.sentences)
