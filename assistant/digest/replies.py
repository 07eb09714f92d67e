"""How later messages change what earlier ones mean: agreed, refused, answered, or replaced. Knows no to-dos."""

import re

from assistant.digest.cues import Cues
from assistant.digest.dates import when_pattern
from assistant.digest.hearing import Heard, Sentence

_REACH = 4
"""Turns after a sentence in which it is answered."""
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_NEAR = 8


def replies(heard: Heard, sentence: Sentence, reach: int = _REACH) -> list[Sentence]:
    """What the others said right after, up to where the speaker himself goes on at length."""
    found: list[Sentence] = []
    for turn in range(sentence.turn + 1, min(len(heard.turns), sentence.turn + 1 + reach)):
        if heard.turns[turn].speaker != sentence.speaker:
            found += heard.by_turn[turn][:2]
    return found


def opens_with(heard: Heard, turn: int, cue: str) -> bool:
    """Whether a turn starts with a phrase of the table, fillers that are trimmed elsewhere included."""
    if turn >= len(heard.turns):
        return False
    text = heard.turns[turn].text.lstrip("*_ ")
    if heard.cues.opens(cue, text):
        return True
    rest = re.sub(r"^\W+", "", heard.cues.pattern("fillers").sub("", text, count=1))
    return rest != text and heard.cues.opens(cue, rest)


def agreed_at(heard: Heard, sentence: Sentence, reach: int = 3) -> int | None:
    """The turn in which somebody else agrees to the last sentence of a turn, None where nobody does."""
    for turn in range(sentence.turn + 1, min(len(heard.turns), sentence.turn + 1 + reach)):
        if heard.turns[turn].speaker == sentence.speaker or turn in heard.silent:
            continue
        if opens_with(heard, turn, "refusal") and not opens_with(heard, turn, "agreement"):
            return None
        if opens_with(heard, turn, "agreement"):
            return turn
    return None


def is_question(sentence: Sentence, cues: Cues) -> bool:
    """Whether the sentence asks."""
    text = sentence.whole.rstrip("\"'”’)*_ ")
    return (
        text.endswith(("?", "？", "؟"))
        or "??" in text
        or (text[-1:] not in ".!" and cues.opens("question", sentence.text))
    )


def replaced(heard: Heard) -> dict[int, int]:
    """Sentences that no longer hold, by place, each with the place of what replaced it."""
    found: dict[int, int] = {}
    for sentence in heard.sentences:
        for place in _replaced_by(heard, sentence):
            found.setdefault(place, sentence.place)
    return found


def _replaced_by(heard: Heard, sentence: Sentence) -> set[int]:
    """Earlier sentences that this one takes back or says anew."""
    gone: set[int] = set()
    denied = _denied(heard.cues, sentence.whole)
    turns_back = heard.cues.found("reversal", sentence.whole)
    if not denied and not turns_back:
        return gone
    window = _window(heard, sentence) if turns_back else frozenset[str]()
    for earlier in heard.sentences[max(0, sentence.place - 400) : sentence.place]:
        if earlier.turn == sentence.turn:
            continue
        values = _values(heard.cues, earlier.text)
        said = _values(heard.cues, sentence.text)
        unsaid = bool(denied & values) and not (said - denied) & values
        shared = len(window & earlier.stems) >= max(1, len(earlier.stems) // 3)
        if unsaid or (turns_back and shared and _settles(heard, earlier)):
            gone.add(earlier.place)
    return gone


def _window(heard: Heard, sentence: Sentence) -> frozenset[str]:
    """The words around a turning point: its own message and the one before."""
    near = [*heard.by_turn[sentence.turn], *(heard.by_turn[sentence.turn - 1] if sentence.turn else ())]
    following = heard.by_turn[sentence.turn + 1] if sentence.turn + 1 < len(heard.turns) else ()
    own = following if following and following[0].speaker == sentence.speaker else ()
    return frozenset().union(*(one.stems for one in (*near, *own)))


def _settles(heard: Heard, sentence: Sentence) -> bool:
    return heard.cues.found("decision", sentence.whole) and not is_question(sentence, heard.cues)


def _denied(cues: Cues, text: str) -> set[str]:
    """Days, dates and figures behind "not" or "instead of"."""
    found: set[str] = set()
    for match in cues.pattern("instead_of").finditer(text):
        found |= _values(cues, " ".join(text[match.end() :].split()[:4]))
    return found


def _values(cues: Cues, text: str) -> set[str]:
    """The days and figures that a text names, in a form that compares."""
    values = {
        word[:3]
        for word in re.findall(r"\w+", text.lower())
        if word in cues.words("weekdays") | cues.words("weekdays_short")
    }
    values |= {word for word in re.findall(r"[\w-]+", text.lower()) if word in cues.words("numbers")}
    return values | {figure for figure in _FIGURE.findall(text) if len(figure) > 1}


def has_when(text: str, cues: Cues) -> bool:
    """Whether a text tells a time."""
    return when_pattern(cues).search(text) is not None
