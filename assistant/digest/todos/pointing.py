"""Resolves references in tasks: whether a task's words say what it is about, and what pronouns refer to."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from assistant.digest.cues import Cues
from assistant.digest.dates import find_when, when_pattern
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.replies import is_question, opens_with
from assistant.digest.spans import count_words, stem, stems, trim
from assistant.digest.todos.tasks import Task

REACH = 3
"""The number of messages after which something said no longer belongs to a task."""
_NAME = re.compile(r"(?<=[\w,;] )[A-ZÀ-Þ][^\W\d_]{2,}")
_SHORT = 10
_TELLING = 4
"""An answer that agrees in at least this many words says what to do."""
_ACCEPTED, _EARLIER = 3.0, 0.6
"""Factors for a question that the task's message accepts, and for messages before the one that asks."""
_LESS_TELLING = (("pronouns", 0.6), ("negation", 0.6), ("first_person", 0.8), ("chat", 0.5))


def refers(heard: Heard, task: Task) -> bool:
    """Whether the task's words alone don't say what it is about: "book it"."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    bare = when_pattern(heard.cues).sub(" ", text)
    words = re.findall(r"[\w'’]+", bare.lower())
    # "the grill" is a thing, though "grill" is also a verb.
    things = {stem(words[at + 1]) for at, word in enumerate(words[:-1]) if word in heard.cues.words("articles")}
    said = set(stems(bare, heard.cues))
    carried = len((said - verbs(heard)) | (said & things))
    points = any(_points_back(words, at, heard.cues) for at in range(len(words)))
    return not carried or (points and carried == 1)


def is_vague(heard: Heard, task: Task) -> bool:
    """Whether the task only says something like "do it"."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    bare = when_pattern(heard.cues).sub(" ", beginning(heard, text)).strip(" ,.!?").lower()
    return bare.partition(",")[0] in heard.cues.words("vague")


def antecedent(heard: Heard, task: Task) -> str:
    """Return the earlier clause that says what the task is about. Near and informative clauses score higher."""
    text = heard.turns[task.sentence.turn].text
    own = frozenset(stems(text[task.start : task.end], heard.cues))
    if person := _person(heard, task):
        return person
    best, best_score = "", 0.0
    weights, empty = heard.weights, verbs(heard) | {stem(name) for name in heard.names}
    for back, (near, piece) in enumerate(_pieces_before(heard, task)):
        carried = sorted((weights.get(word, 1.0) for word in set(stems(piece, heard.cues)) - own - empty), reverse=True)
        same = len(own & set(stems(piece, heard.cues)))
        score = near * (sum(carried[:3]) + 2.0 * same) / (1.0 + 0.3 * back) / (5 + count_words(piece)) ** 0.5
        for name, factor in _LESS_TELLING:
            score *= factor if heard.cues.found(name, piece) else 1.0
        if carried and score > best_score:
            best, best_score = piece, score
    return best


def beginning(heard: Heard, text: str) -> str:
    """Return the text before a time or a condition."""
    found = [one.start() for one in (find_when(text, heard.cues), heard.cues.pattern("until").search(text)) if one]
    return text[: min(found, default=len(text))]


def verbs(heard: Heard) -> frozenset[str]:
    return _verb_stems(heard.cues)


def _points_back(words: Sequence[str], at: int, cues: Cues) -> bool:
    """Whether a word refers to something said before: "it", or "that" without a noun after it."""
    if words[at] not in cues.words("pronouns"):
        return False
    noun = at + 1 < len(words) and words[at + 1] not in cues.words("common")
    return not (noun and words[at] in cues.words("demonstratives"))


def _pieces_before(heard: Heard, task: Task) -> Iterator[tuple[float, str]]:
    """Yield the clauses before the task, nearest first: of its sentence, its message and the messages before. Each
    comes with a factor (`_nearness`).
    """
    text = heard.turns[task.sentence.turn].text
    own = trim(text, task.sentence.start, task.start, heard.cues)
    if count_words(text[slice(*own)]) >= 2:
        yield 1.0, heard.cues.pattern("subjects").sub("", text[slice(*own)]).rstrip(" ,")
    for sentence in reversed(heard.sentences[max(0, task.sentence.place - 6) : task.sentence.place]):
        if task.sentence.turn - sentence.turn > REACH + 1:
            return
        agreed = heard.cues.opens("agreement", sentence.whole) and count_words(sentence.whole) < _TELLING
        if heard.cues.opens("refusal", sentence.whole) or agreed or len(sentence.stems) < 2:
            continue
        near = _nearness(heard, task, sentence)
        if count_words(sentence.text) <= _SHORT:
            yield near, sentence.text
            continue
        for clause in reversed(sentence.clauses):
            yield near, heard.turns[sentence.turn].text[clause.start : clause.end]


def _nearness(heard: Heard, task: Task, sentence: Sentence) -> float:
    """Return how likely an earlier sentence says what the task is about, as a factor: who asks has usually just said
    it, and "yes, I'll do it" refers to the question.
    """
    if task.kind == "request":
        return 1.0 if sentence.turn == task.sentence.turn else _EARLIER
    accepts = opens_with(heard, task.sentence.turn, "agreement")
    asked = sentence.turn == task.sentence.turn - 1 and sentence.last and is_question(sentence, heard.cues)
    return _ACCEPTED if accepts and asked and len(sentence.stems) > 2 else 1.0


def _person(heard: Heard, task: Task) -> str:
    """Return whom "her" or "him" refers to: the last non-speaker named, if the task has no other pronoun."""
    text = heard.turns[task.sentence.turn].text
    words = set(re.findall(r"[\w'’]+", text[task.start : task.end].lower()))
    if not words & heard.cues.words("persons") or words & heard.cues.words("pronouns"):
        return ""
    tables = ("common", "weekdays", "months", "relative")
    known = {*heard.names, *(word for name in tables for word in heard.cues.words(name))}
    for _, piece in _pieces_before(heard, task):
        names: list[str] = [name for name in _NAME.findall(piece) if name.lower() not in known]
        if names:
            return names[-1]
    return ""


@cache
def _verb_stems(cues: Cues) -> frozenset[str]:
    return frozenset(one for verb in cues.words("tasks") for one in stems(verb, cues))
