"""The features of a clause, by name."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.digest.dates import when_pattern
from assistant.digest.hearing import Clause, Heard, Sentence
from assistant.digest.replies import agreed_at, is_question, opens_with, renewed, replaced, settles
from assistant.digest.spans import count_words

Row = dict[str, float]
"""Features by name."""
FLAGS = (
    "modals", "negation", "reversal", "decision", "problems", "reasons", "conditions", "money", "chat",
    "withdrawn", "unknown",
)  # fmt: skip
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_PRICED = re.compile(r"[$€£¥₹]\s?\d|\d[\d.,]{0,30}\s?[$€£¥₹%]")
_PROPER = re.compile(r"(?<=[\w,;] )[A-ZÀ-ÞΑ-ΩА-Я][\w'’-]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A clause with what is known about it beyond its words."""

    sentence: Sentence
    clause: Clause
    text: str
    agreed: bool
    turn_agreed: bool
    asks: bool
    replaced: bool
    renewed: bool


def units(heard: Heard) -> list[Unit]:
    """Return every clause of the conversation, in order."""
    gone, anew = replaced(heard), renewed(heard)
    found: list[Unit] = []
    for sentence in heard.sentences:
        asks = is_question(sentence, heard.cues)
        turn_agreed = agreed_at(heard, sentence) is not None
        agreed = sentence.last and turn_agreed
        for clause in sentence.clauses:
            text = heard.turns[sentence.turn].text[clause.start : clause.end]
            found.append(
                Unit(sentence, clause, text, agreed, turn_agreed, asks, sentence.place in gone, sentence.place in anew)
            )
    return found


def rows(heard: Heard, found: Sequence[Unit], tasks: frozenset[int] = frozenset()) -> list[Row]:
    """Return the features of each unit. `tasks` are the places of sentences with a to-do."""
    counter = _Counter(heard, tasks)
    return [counter.row(unit) for unit in found]


def _askers(heard: Heard) -> dict[str, float]:
    """Return the share of questions in what each person says."""
    said, asked = Counter[str](), Counter[str]()
    for sentence in heard.sentences:
        said[sentence.speaker] += 1
        asked[sentence.speaker] += is_question(sentence, heard.cues)
    return {name: asked[name] / said[name] for name in said}


class _Counter:
    """Computes features from counts over the whole conversation."""

    def __init__(self, heard: Heard, tasks: frozenset[int]) -> None:
        self.heard, self.tasks, self.cues = heard, tasks, heard.cues
        self.weights = heard.weights
        self.norm = math.sqrt(sum(value * value for value in self.weights.values())) or 1.0
        self.askers = _askers(heard)
        self.turn_words = [math.log(1 + count_words(turn.text)) / 4.0 for turn in heard.turns]
        self.first: dict[str, int] = {}
        self.last: dict[str, int] = {}
        self.speakers: dict[str, set[str]] = {}
        for sentence in heard.sentences:
            for word in sentence.stems:
                self.first.setdefault(word, sentence.turn)
                self.last[word] = sentence.turn
                self.speakers.setdefault(word, set()).add(sentence.speaker)

    def row(self, unit: Unit) -> Row:
        """Return the features of one clause."""
        flags = {name: float(self.cues.found(name, unit.text)) for name in FLAGS}
        return {**self._place(unit), **self._form(unit), **self._exchange(unit), **self._words(unit), **flags}

    def _place(self, unit: Unit) -> Row:
        sentence = unit.sentence
        place = sentence.turn / max(1, len(self.heard.turns) - 1)
        return {
            "first turn": float(sentence.turn == 0),
            "first tenth": float(place <= 0.1),
            "last tenth": float(place >= 0.9),
            "place": place,
            "first sentence": float(sentence == self.heard.by_turn[sentence.turn][0]),
            "asker": self.askers.get(sentence.speaker, 0.0),
            "leads talk": float(sentence.speaker == self.heard.turns[0].speaker),
            "renewed": float(unit.renewed),
            "settles": float(settles(self.heard, sentence)),
            "task": float(sentence.place in self.tasks),
        }

    def _form(self, unit: Unit) -> Row:
        clause, text = unit.clause, unit.text
        figures = len(_FIGURE.findall(text)) + len(self.cues.pattern("number_words", "numbers").findall(text))
        words = re.findall(r"\w[\w'’-]*", text.lower())
        return {
            "log words": math.log(clause.words),
            "short": float(clause.words <= 3),
            "long": float(clause.words > 14),
            "stems": min(8.0, len(clause.stems)) / 8.0,
            "figures": float(figures > 0),
            "two figures": float(figures > 1),
            "amount": float(_PRICED.search(text) is not None or (figures > 0 and self.cues.found("money", text))),
            "time": float(when_pattern(self.cues).search(text) is not None),
            "names": float(any(word in self.heard.names for word in words)),
            "proper": min(3.0, len(_PROPER.findall(text))) / 3.0,
            "refers": float(bool(words) and words[0] in self.cues.words("pronouns")),
            "first person": float(bool(self.cues.words("first_person").intersection(words))),
            "turn words": self.turn_words[unit.sentence.turn],
            "first clause": float(clause == unit.sentence.clauses[0]),
            "exclaims": float(text.rstrip().endswith("!")),
        }

    def _exchange(self, unit: Unit) -> Row:
        """Features of the exchange around the clause."""
        sentence = unit.sentence
        before = self._asked_before(sentence)
        opening = sentence == self.heard.by_turn[sentence.turn][0]
        after = (sentence.turn + 1, sentence.turn + 2) if sentence.last else ()
        return {
            "asks": float(unit.asks),
            "turn agreed": float(unit.turn_agreed),
            "asks agreed": float(unit.asks and (unit.agreed or unit.turn_agreed)),
            "asks countered": float(unit.asks and not unit.turn_agreed and self._valued(after)),
            "answers": before,
            "short answer": before * float(unit.clause.words <= 4),
            "agreed": float(unit.agreed),
            "refused": float(any(opens_with(self.heard, turn, "refusal") for turn in after)),
            "opens agreeing": float(opening and opens_with(self.heard, sentence.turn, "agreement")),
        }

    def _valued(self, turns: Sequence[int]) -> bool:
        """Whether somebody gives a number or a time in the turns."""
        said = [one.text for turn in turns if turn < len(self.heard.turns) for one in self.heard.by_turn[turn]]
        return any(_FIGURE.search(text) or when_pattern(self.cues).search(text) for text in said)

    def _asked_before(self, sentence: Sentence) -> float:
        for turn in (sentence.turn - 1, sentence.turn - 2):
            if turn < 0 or self.heard.turns[turn].speaker == sentence.speaker or not self.heard.by_turn[turn]:
                continue
            return float(is_question(self.heard.by_turn[turn][-1], self.cues))
        return 0.0

    def _echoed_soon(self, unit: Unit) -> int:
        """Return how many of the words other speakers repeat in the next three messages."""
        turn = unit.sentence.turn
        soon = [
            one
            for some in self.heard.by_turn[turn + 1 : turn + 4]
            for one in some
            if one.speaker != unit.sentence.speaker
        ]
        return len(unit.clause.stems & frozenset().union(*(one.stems for one in soon)))

    def _words(self, unit: Unit) -> Row:
        stems, turn, weight = unit.clause.stems, unit.sentence.turn, self.weights
        count = len(stems) or 1
        own = sum(weight.get(word, 0.0) ** 2 for word in stems)
        others = (self.speakers.get(word, set()) - {unit.sentence.speaker} for word in stems)
        return {
            "central": math.sqrt(own) / self.norm,
            "rare": sum(weight.get(word, 0.0) for word in stems) / count / 6.0,
            "new": sum(self.first.get(word, turn) == turn for word in stems) / count,
            "echoed": sum(self.last.get(word, turn) > turn for word in stems) / count,
            "echoed by others": sum(map(bool, others)) / count,
            "echoed soon": self._echoed_soon(unit) / count,
        }
