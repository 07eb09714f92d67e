"""Finds questions that nobody answered."""

import re

from assistant.digest.dates import when_pattern
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.replies import is_question, opens_with

_REACH = 6
_LEAST_STEMS = 2
_FIGURE = re.compile(r"\d")


def open_questions(heard: Heard) -> list[Sentence]:
    """Return the unanswered questions, in the order of the conversation."""
    return [
        sentence
        for sentence in heard.sentences
        if is_question(sentence, heard.cues) and len(sentence.stems) >= _LEAST_STEMS and not _answered(heard, sentence)
    ]


def _answered(heard: Heard, question: Sentence) -> bool:
    if not question.last and any(
        later.place > question.place and not is_question(later, heard.cues) for later in heard.by_turn[question.turn]
    ):
        rest = [later for later in heard.by_turn[question.turn] if later.place > question.place]
        if any(len(later.stems) >= 2 for later in rest) and not _waits(heard, question):
            return True  # A speaker who asks and goes on talking expects no answer, or gives it.
    first = True
    for turn in range(question.turn + 1, min(len(heard.turns), question.turn + 1 + _REACH)):
        if turn in heard.silent:
            continue
        if heard.turns[turn].speaker == question.speaker:
            continue
        if _unknowing(heard, turn):
            first = False
            continue
        if (
            first
            or opens_with(heard, turn, "agreement")
            or opens_with(heard, turn, "refusal")
            or _shares(heard, question, turn)
        ):
            said = heard.by_turn[turn]
            if not said or not all(is_question(one, heard.cues) and not one.stems & question.stems for one in said):
                return True
        first = False
    return False


def _waits(heard: Heard, question: Sentence) -> bool:
    return question.text.rstrip().endswith("?") and heard.cues.found("requests", question.text)


def _unknowing(heard: Heard, turn: int) -> bool:
    """Whether a turn only says that its speaker doesn't know."""
    text = heard.turns[turn].text
    return heard.cues.found("unknown", text) and len(text.split()) < 9


def _shares(heard: Heard, question: Sentence, turn: int) -> bool:
    said = heard.by_turn[turn]
    asks_time = heard.cues.found("question", question.text) and when_pattern(heard.cues).search(question.text) is None
    return any(one.stems & question.stems and not is_question(one, heard.cues) for one in said) or (
        asks_time and any(_FIGURE.search(one.text) for one in said) and bool(said) and said[0].turn - question.turn <= 2
    )
