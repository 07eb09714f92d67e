"""Finds what came of a request or an offer: who accepts it, declines it, or offers something else."""

import re
from dataclasses import dataclass

from assistant.digest.dates import find_when, when_pattern
from assistant.digest.hearing import Heard
from assistant.digest.replies import is_question, opens_with
from assistant.digest.spans import count_words, stems
from assistant.digest.todos.pointing import REACH
from assistant.digest.todos.tasks import Task

_OFFERED = 0.5
"""A request up to this strength is addressed to nobody in particular; whoever accepts it owns it."""
LONGEST_CONTEXT = 7
"""The maximum length in words of what explains a to-do."""
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a request or an offer: by whom, in which sentences, and how it changes the task's strength."""

    who: str
    places: frozenset[int]
    change: float
    when: str = ""


def answer_to(heard: Heard, task: Task) -> Answer | None:
    """Return the reply of the person asked, or of the first to accept if nobody was named."""
    speaker = task.sentence.speaker
    wanted = task.who if task.kind == "request" else ""
    for turn in range(task.sentence.turn + 1, min(len(heard.turns), task.sentence.turn + 1 + REACH)):
        other = heard.turns[turn].speaker
        if other == speaker or (wanted and other != wanted) or turn in heard.silent:
            continue
        if task.kind == "pledge":
            return _offered(heard, task, turn)
        if answer := _reply(heard, task, turn):
            return answer
    return None


def _reply(heard: Heard, task: Task, turn: int) -> Answer | None:
    """Return what a message says to a request, or None if it may not be about it."""
    speaker = heard.turns[turn].speaker
    declined, accepted = Answer(speaker, frozenset(), -1.0), _accepted(heard, turn)
    if opens_with(heard, turn, "done_replies"):
        return declined
    to_them = bool(task.who) or task.strength > _OFFERED
    if heard.cues.opens("refusal", heard.turns[turn].text):
        return declined if task.who or len(heard.speakers) == 2 else None
    if is_question(task.sentence, heard.cues) and _only_tells_when(heard, turn):
        return accepted
    if _counters(heard, task, turn):
        return declined
    if _promises_it(heard, task, turn) or opens_with(heard, turn, "accepts" if to_them else "takers"):
        return accepted
    return Answer(speaker, frozenset(), 0.0) if to_them else None


def _counters(heard: Heard, task: Task, turn: int) -> bool:
    """Whether a reply offers another amount than was asked for: "can you do 670?" "I can do 680"."""
    asked = set(_FIGURE.findall(heard.turns[task.sentence.turn].text[task.start : task.end]))
    first = heard.by_turn[turn][0].text if heard.by_turn[turn] else ""
    offered = set(_FIGURE.findall(first))
    return bool(asked and offered) and not asked & offered and heard.cues.opens("commitments", first)


def _promises_it(heard: Heard, task: Task, turn: int) -> bool:
    """Whether a reply promises it in the words of the request: "please order cups" "will order two boxes"."""
    first = heard.by_turn[turn][0].text if heard.by_turn[turn] else ""
    promises = heard.cues.opens("promises", first) or heard.cues.opens("bare_will", first)
    return promises and verb_of(heard, task) in re.findall(r"\w+", first.lower())


def _only_tells_when(heard: Heard, turn: int) -> bool:
    """Whether a reply is a time and little else: "Wednesday afternoon, by van." """
    first = heard.by_turn[turn][0].text if heard.by_turn[turn] else ""
    when = when_pattern(heard.cues).match(first)
    return when is not None and count_words(first[when.end() :]) <= 2


def _accepted(heard: Heard, turn: int) -> Answer:
    short = [one.place for one in heard.by_turn[turn][:2] if len(one.stems) <= 6]
    return Answer(heard.turns[turn].speaker, frozenset(short), 0.3, _added(heard, turn))


def _added(heard: Heard, turn: int) -> str:
    """Return the time, place or condition that an answer adds: "yes, Friday", "sure, at the station", "ok, if it's
    dry".
    """
    for number, sentence in enumerate(heard.by_turn[turn][:2]):
        text = sentence.text.rstrip(" .,!?")
        if count_words(text) > LONGEST_CONTEXT or is_question(sentence, heard.cues):
            return ""
        if _tells_where(heard, text):
            return text
        # Such a sentence is a to-do itself.
        promises = heard.cues.opens("promises", text) and not heard.cues.opens("no_promises", text)
        when = None if number or promises else find_when(text, heard.cues)
        if when and len(stems(text.replace(when[0], " "), heard.cues)) <= 1:
            return when[0].strip()
    return ""


def _tells_where(heard: Heard, text: str) -> bool:
    """Whether a text is just a place, a time or a condition: it starts with "at", "after" or "if"."""
    first = text.partition(" ")[0].lower()
    placed = first in heard.cues.words("before_times") - heard.cues.words("articles")
    return placed or heard.cues.opens("until", text) or heard.cues.opens("conditions", text)


def _offered(heard: Heard, task: Task, turn: int) -> Answer:
    """Return the next person's reply to an offer: "please do, by Monday", "before ten, please"."""
    if opens_with(heard, turn, "refusal"):
        return Answer(task.who, frozenset(), -0.3)
    if not opens_with(heard, turn, "go_ahead") and not _only_tells_when(heard, turn):
        return Answer(task.who, frozenset(), 0.0)
    return Answer(task.who, frozenset(), 0.25, _added(heard, turn))


def verb_of(heard: Heard, task: Task) -> str:
    """Return the first word of what is to be done."""
    return heard.turns[task.sentence.turn].text[task.start : task.end].partition(" ")[0].lower()
