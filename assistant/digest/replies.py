"""Finds how later messages change earlier ones: agreement, refusal, answers, replacement."""

import re
from collections.abc import Mapping, Sequence

from assistant.digest.cues import Cues
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.spans import stem

_REACH = 4
"""The number of turns after a sentence in which replies are looked for."""
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_NEAR = 14
"""The number of turns within which another day or amount is taken to be for the same thing."""
_FAR = 150
Values = Mapping[str, frozenset[str]]


def replies(heard: Heard, sentence: Sentence, reach: int = _REACH) -> list[Sentence]:
    """Return what others say in the next `reach` turns: the first two sentences of each turn."""
    found: list[Sentence] = []
    for turn in range(sentence.turn + 1, min(len(heard.turns), sentence.turn + 1 + reach)):
        if heard.turns[turn].speaker != sentence.speaker:
            found += heard.by_turn[turn][:2]
    return found


def opens_with(heard: Heard, turn: int, cue: str) -> bool:
    """Whether a turn starts with a phrase of the table, perhaps after a filler."""
    if turn >= len(heard.turns):
        return False
    text = heard.turns[turn].text.lstrip("*_ ")
    said = heard.by_turn[turn]
    if heard.cues.opens(cue, text) or (said and heard.cues.opens(cue, said[0].text)):
        return True
    filler = heard.cues.pattern("fillers", "openers").match(text)
    return filler is not None and heard.cues.opens(cue, re.sub(r"^\W+", "", text[filler.end() :]))


def agreed_at(heard: Heard, sentence: Sentence, reach: int = 3) -> int | None:
    """Return the turn in which somebody else agrees to the sentence, or None."""
    for turn in range(sentence.turn + 1, min(len(heard.turns), sentence.turn + 1 + reach)):
        if heard.turns[turn].speaker == sentence.speaker or turn in heard.silent:
            continue
        if opens_with(heard, turn, "refusal") and not opens_with(heard, turn, "agreement"):
            return None
        if opens_with(heard, turn, "agreement"):
            return turn
    return None


def is_question(sentence: Sentence, cues: Cues) -> bool:
    """Whether the sentence is a question."""
    text = sentence.whole.rstrip("\"'”’)*_ ")
    return (
        text.rstrip("!").endswith(("?", "？", "؟"))
        or "??" in text
        or (text[-1:] not in ".!" and cues.opens("question", sentence.text))
    )


def replaced(heard: Heard) -> frozenset[int]:
    """Return the places of sentences that no longer hold: denied later ("not Saturday"), or agreed and reversed."""
    values = [_values(heard.cues, sentence) for sentence in heard.sentences]
    return frozenset(place for sentence in heard.sentences for place in _taken_back(heard, sentence, values))


def renewed(heard: Heard) -> frozenset[int]:
    """Return the places of sentences whose day, time or amount is later given anew, apparently for the same thing."""
    values = [_values(heard.cues, sentence) for sentence in heard.sentences]
    found: set[int] = set()
    for sentence in heard.sentences:
        if values[sentence.place] and _has_last_word(heard, sentence):
            near = heard.sentences[max(0, sentence.place - _FAR) : sentence.place]
            found |= {earlier.place for earlier in near if _renews(heard, sentence, earlier, values)}
    return frozenset(found)


def _taken_back(heard: Heard, sentence: Sentence, values: Sequence[Values]) -> set[int]:
    """Return the earlier sentences that this one denies or reverses."""
    gone = _unsuited(heard, sentence)
    denied = _days(heard.cues, "instead_of", sentence.whole)
    turns_back = heard.cues.found("strong_reversal", sentence.whole)
    if not (denied or turns_back):
        return gone
    around = _window(heard, sentence) if turns_back else frozenset[str]()
    now = {value for kind in values[sentence.place].values() for value in kind}
    for earlier in heard.sentences[max(0, sentence.place - _FAR) : sentence.place]:
        if earlier.turn == sentence.turn:
            continue
        said = {value for kind in values[earlier.place].values() for value in kind}
        if denied & said and not (now - denied) & said:
            gone.add(earlier.place)
        elif turns_back and settles(heard, earlier):
            about = earlier.stems - said
            if around & about or (len(about) <= 2 and len(around & (_context(heard, earlier) - said)) >= 2):
                gone.add(earlier.place)
    return gone


def _has_last_word(heard: Heard, sentence: Sentence) -> bool:
    """Whether a sentence decides something, agrees, is agreed to, or says that something changed."""
    if settles(heard, sentence) or sentence.turn in heard.reversals:
        return True
    return opens_with(heard, sentence.turn, "agreement") or agreed_at(heard, sentence) is not None


def _renews(heard: Heard, sentence: Sentence, earlier: Sentence, values: Sequence[Values]) -> bool:
    """Whether a later sentence gives another day, time or amount for the same thing."""
    away = sentence.turn - earlier.turn
    if away > _NEAR or not away:
        return False
    shared = (sentence.stems & earlier.stems) - {one for kind in values[earlier.place].values() for one in kind}
    turning = away <= 2 and sentence.turn in heard.reversals
    for kind, now in values[sentence.place].items():
        before = values[earlier.place].get(kind, frozenset())
        if not before or now & before:
            continue
        counted = kind == "amount" or kind.startswith("of ")
        if counted and _alike(now, before) and (shared or len(earlier.stems) <= 3):
            return True
        if not counted and (shared or turning):
            return True
    return False


def _alike(now: frozenset[str], before: frozenset[str]) -> bool:
    """Whether two amounts may be of the same thing: neither is 1.5 times the other or more."""
    first, second = (max(float(one.replace(",", "")) for one in some) for some in (now, before))
    return max(first, second) < 1.5 * min(first, second)


def _context(heard: Heard, sentence: Sentence) -> frozenset[str]:
    """Return the content words of a sentence's turn and of the three turns before."""
    turns = heard.by_turn[max(0, sentence.turn - 3) : sentence.turn + 1]
    days = {stem(word) for name in ("weekdays", "months") for word in heard.cues.words(name)}
    return frozenset().union(*(one.stems for turn in turns for one in turn)) - days


def _window(heard: Heard, sentence: Sentence) -> frozenset[str]:
    """Return the content words of a sentence's turn and of the one before."""
    near = heard.by_turn[max(0, sentence.turn - 1) : sentence.turn + 1]
    return frozenset().union(*(one.stems for turn in near for one in turn))


def settles(heard: Heard, sentence: Sentence) -> bool:
    """Whether the sentence decides something."""
    bare = sentence.whole.rstrip(" .!,")
    ends = any(
        match.end() == len(bare) and match.start() > 0 for match in heard.cues.pattern("settles_end").finditer(bare)
    )
    return (ends or heard.cues.found("settles", sentence.whole)) and not is_question(sentence, heard.cues)


def _unsuited(heard: Heard, sentence: Sentence) -> set[int]:
    """Return the questions just before that propose a day on which this speaker can't: "I'm off on Thursday"."""
    days = _days(heard.cues, "unable", sentence.whole) | _days_before(heard.cues, "unable", sentence.whole)
    asked = (one for turn in heard.by_turn[max(0, sentence.turn - 2) : sentence.turn] for one in turn) if days else ()
    return {
        one.place
        for one in asked
        if one.speaker != sentence.speaker
        and is_question(one, heard.cues)
        and days & _values(heard.cues, one).get("day", frozenset())
    }


def _days_before(cues: Cues, behind: str, text: str) -> set[str]:
    """Return the weekdays up to three words before a phrase of the table, in the same clause: "Thursday won't work"."""
    days = cues.words("weekdays") | cues.words("weekdays_short")
    clauses = (re.split(r"[,.;!?]", text[: match.start()])[-1] for match in cues.pattern(behind).finditer(text))
    near = (word.lower() for clause in clauses for word in re.findall(r"\w+", clause)[-3:])
    return {word[:3] for word in near if word in days}


def _days(cues: Cues, before: str, text: str) -> set[str]:
    """Return the days, dates and numbers that follow a phrase of the table, such as "not" or "instead of"."""
    found: set[str] = set()
    for match in cues.pattern(before).finditer(text):
        behind = re.match(r"\s*(?:(?:on|the|at|in|am|um|le|el|la|a|à)\s+){0,2}([\w:.,-]*[\w])", text[match.end() :])
        if behind:
            word = behind[1].lower()
            days = cues.words("weekdays") | cues.words("weekdays_short")
            found |= (
                {word[:3]}
                if word in days
                else {word}
                if word in cues.words("numbers") or _FIGURE.fullmatch(word)
                else set()
            )
    return found


def _values(cues: Cues, sentence: Sentence) -> Values:
    """Return the days, times and amounts that a sentence names, by kind, in comparable form."""
    text = sentence.text.lower()
    found: dict[str, set[str]] = {}
    days = cues.words("weekdays") | cues.words("weekdays_short")
    for word in re.findall(r"[\w-]+", text):
        if word in days:
            found.setdefault("day", set()).add(word[:3])
        elif word in cues.words("numbers"):
            found.setdefault("date", set()).add(word)
    for match in re.finditer(r"(\d{1,2}:\d\d)|(\d+(?:[.,]\d+)*)(?:st|nd|rd|th)?(?:\s?([€$£%]|[^\W\d_]+))?", text):
        clock, figure, unit = match.groups()
        if clock:
            found.setdefault("time", set()).add(clock)
        elif (
            unit
            and len(unit) > 1
            and unit not in cues.words("common") | cues.words("months") | cues.words("months_short")
        ):
            found.setdefault(f"of {stem(unit)}", set()).add(figure)
        elif len(figure) > 2 and re.fullmatch(r"\d{1,3}(?:,\d{3})+|\d+", figure):
            found.setdefault("amount", set()).add(figure)
    return {kind: frozenset(some) for kind, some in found.items()}
