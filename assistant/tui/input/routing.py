"""Routes for a text that is about to be sent.

It can be a conversation to summarize, a question to the current conversation or to the documents, a wish about the last
answer, or a plain instruction. Pure functions, without widgets or models.
"""

import re
from collections.abc import Collection, Iterable
from typing import Literal

import msgspec

from assistant.errors import InputUnreadable
from assistant.records import Ask, Dialogue, Record
from assistant.tui.input.reading import read_dialogue

Route = Literal["conversation", "question", "documents", "refine", "instruction"]

LABELS: dict[Route, str] = {
    "conversation": "summarize",
    "question": "ask the conversation",
    "documents": "ask the documents",
    "refine": "change the answer",
    "instruction": "instruction",
}
MOST_QUESTION_WORDS = 40
"""A longer text is no question, even with a question mark."""
MOST_WISH_WORDS = 14
LEAST_STORY_WORDS = 40
"""A text without speakers counts as a narrator's story if it has this many words, or LEAST_STORY_LINES lines."""
LEAST_STORY_LINES = 4

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# fmt: off
_OPENS_QUESTION = frozenset({
    "who", "whom", "whose", "what", "when", "where", "why", "which", "how", "is", "are", "was", "were", "am",
    "do", "does", "did", "has", "have", "had", "can", "could", "will", "would", "shall", "should", "may",
    "might", "must", "isn't", "aren't", "wasn't", "weren't", "don't", "doesn't", "didn't",
})
_SAYS_NOTHING = _OPENS_QUESTION | frozenset({
    "the", "a", "an", "and", "or", "but", "of", "in", "on", "at", "to", "for", "from", "by", "with", "about",
    "as", "if", "than", "then", "that", "this", "these", "those", "there", "here", "it", "its", "he", "she",
    "they", "them", "his", "her", "their", "we", "us", "our", "you", "your", "i", "me", "my", "be", "been",
    "being", "not", "no", "so", "very", "much", "many", "more", "most", "some", "any", "all", "one", "two",
    "long", "often", "get", "gets", "got", "say", "says", "said", "tell", "told", "mean", "means", "need",
    "who's", "what's", "where's", "when's", "it's", "please", "know", "does", "anybody", "anyone", "somebody",
    "someone", "people", "person", "thing", "things", "time", "conversation", "chat", "dialogue",
})
# fmt: on
_ASKS_A_FAVOUR = re.compile(r"(?:can|could|will|would) you\b|please\b", re.IGNORECASE)
_NAMES_DOCUMENTS = re.compile(
    r"\b(?:my|the|our|these|those) (?:documents?|files?|notes|handbooks?|manuals?|contracts?|papers?|pdfs?)\b",
    re.IGNORECASE,
)
_ENDS_QUESTION = re.compile(r"[?？؟][\s\"'”’)\]]*$")
_WISH = re.compile(
    r"(?:(?:please|now|but|and|a bit|a little|much|(?:make|say|write) (?:it|this|that)) )*"
    r"(?:shorter|longer|briefer|simpler|clearer|formal|friendlier|more|less|fewer|focus|without|only|mention|leave out|"
    r"drop|rewrite|rephrase|expand|shorten|as (?:a )?(?:list|bullet)|in (?:bullet|one|two|three|\d+|plain|simple|past)|"
    r"don't mention|do not mention|start with|keep)\b",
    re.IGNORECASE,
)


class InView(Record, frozen=True):
    """What a text can refer to: the current conversation, an answer to it, and the user's documents."""

    conversation: Dialogue | None = None
    has_answer: bool = False
    has_documents: bool = False


def routes_for(
    text: str, dialogue: Dialogue | None, in_view: InView, able: Collection[Route] = tuple(LABELS)
) -> tuple[Route, ...]:
    """The possible routes of a text, the likeliest first.

    `dialogue` is the text read as a conversation, None if it cannot be; `able` are the routes that can be served. A
    question goes to the current conversation if it shares a word with it, or if there are no documents.
    """
    possible: list[Route] = []
    if dialogue is not None:
        possible.append("conversation")
    if in_view.conversation is not None:
        possible.append("question")
    if in_view.has_documents:
        possible.append("documents")
    if in_view.has_answer:
        possible.append("refine")
    possible.append("instruction")
    likely = _likeliest(text, dialogue, in_view)
    return tuple(route for route in dict.fromkeys((likely, *possible)) if route in able)


def _likeliest(text: str, dialogue: Dialogue | None, in_view: InView) -> Route:
    if dialogue is not None and is_conversation(text, dialogue):
        return "conversation"
    if is_question(text):
        return _whom_to_ask(text, in_view)
    if in_view.has_answer and is_wish(text):
        return "refine"
    return "instruction"


def _whom_to_ask(text: str, in_view: InView) -> Route:
    if in_view.has_documents and (in_view.conversation is None or _is_for_documents(text, in_view.conversation)):
        return "documents"
    return "question" if in_view.conversation is not None else "instruction"


def is_conversation(text: str, dialogue: Dialogue) -> bool:
    """Whether the text has speakers, or is long enough to be a story by one narrator."""
    if dialogue.has_speakers:
        return True
    lines = [line for line in text.split("\n") if line.strip()]
    return len(_words(text)) >= LEAST_STORY_WORDS or len(lines) >= LEAST_STORY_LINES


def is_question(text: str) -> bool:
    """Whether the text is short, and ends with a question mark or begins with a question word."""
    words = _words(text)
    if not words or len(words) > MOST_QUESTION_WORDS:
        return False
    if _ASKS_A_FAVOUR.match(text.strip()):
        return False
    return bool(_ENDS_QUESTION.search(text)) or words[0] in _OPENS_QUESTION


def is_wish(text: str) -> bool:
    """Whether the text is a wish for a different answer: "shorter", "focus on the refund"."""
    return len(_words(text)) <= MOST_WISH_WORDS and bool(_WISH.match(text.strip()))


def _is_for_documents(question: str, conversation: Dialogue) -> bool:
    if _NAMES_DOCUMENTS.search(question):
        return True
    asked = set(_stems(_words(question)))
    said = {stem for turn in conversation.turns for stem in _stems(_words(f"{turn.speaker} {turn.text}"))}
    return bool(asked) and asked.isdisjoint(said)


def _words(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def _stems(words: Iterable[str]) -> list[str]:
    """The first five letters of each word that carries meaning."""
    return [word[:5] for word in words if word not in _SAYS_NOTHING]


class Input(Record, frozen=True):
    """The composer's text with what it may refer to. `chosen` is the route that the user picked, or None."""

    text: str
    in_view: InView
    chosen: Route | None = None


class Sending(Record, frozen=True):
    """What sending a text would do: its route, the alternatives, and the text as a conversation."""

    routes: tuple[Route, ...]
    dialogue: Dialogue | None

    @property
    def route(self) -> Route:
        """The route that will be taken."""
        return self.routes[0]


def plan(typed: Input) -> Sending:
    """Read the text and find its routes, the user's choice first. Raises InputUnreadable if it has none."""
    dialogue, problem = None, None
    try:
        dialogue = read_dialogue(typed.text)
    except InputUnreadable as error:
        problem = error
    routes = routes_for(typed.text, dialogue, typed.in_view)
    if problem is not None and not routes:
        raise problem
    if typed.chosen in routes:
        routes = (typed.chosen, *[route for route in routes if route != typed.chosen])
    return Sending(routes=routes, dialogue=dialogue)


def asked_about(sending: Sending, in_view: InView) -> Dialogue | None:
    """The conversation for the prompt; None for a wish and for questions to the documents.

    A plain instruction gets the current conversation, if there is one.
    """
    if sending.route == "conversation":
        return sending.dialogue
    if sending.route in ("question", "instruction"):
        return in_view.conversation or Dialogue(turns=(), format="")
    return None


def ask_by(route: Route, text: str, ask: Ask) -> Ask:
    """The Ask for a text that takes this route."""
    if route == "question" or route == "instruction":
        return msgspec.structs.replace(ask, task=route, request=text, phrasing=None, words=None)
    return ask
