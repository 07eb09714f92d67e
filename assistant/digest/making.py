"""Makes the digest of a dialogue: hears it, weighs it, and chooses what is quoted."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from assistant.digest.choosing import Budget, choose, probability
from assistant.digest.features import Unit, rows, units
from assistant.digest.hearing import Heard, Sentence, hear
from assistant.digest.questions import open_questions
from assistant.digest.records import LEFT_OUT, Digest, Open, Point, Todo, Topic
from assistant.digest.replies import settles
from assistant.digest.spans import count_words, stems
from assistant.digest.todos import Settled, find_todos
from assistant.digest.topics import find_topics, title_of
from assistant.records import Dialogue

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to unit vectors."""

SHORTEST, LONGEST = 40, 110
"""Words of a digest where nobody asks for a number."""
_TOPIC_WORDS = 30
_TODO_SHARE = 0.25
_ROOMY_TODO_SHARE = 0.4
_ROOMY = 80
"""Words from which to-dos may take more of a digest."""
_RENEWED = 0.35
"""What a clause is worth whose day or amount is given anew later."""
_TOLD = 0.3
"""What a clause is worth that a to-do says already."""
_MOST_OPEN = 3
_OPEN_SHARE = 0.2


def make_digest(
    dialogue: Dialogue,
    *,
    words: int | None = None,
    points: int | None = None,
    focus: str | None = None,
    encoder: Embed | None = None,
    weights: Mapping[str, float] | None = None,
    cue_folder: Path | None = None,
) -> Digest:
    """Quote what matters of a dialogue in about `words` words, and at most `points` messages.

    `focus` prefers what is about it. `encoder` compares by meaning where it is given, else words are compared.
    `weights` replaces the bundled weights, a user's own for example. `cue_folder` holds a user's cue words.
    """
    heard = hear(dialogue, cue_folder)
    if not heard.sentences:
        return Digest()
    weighed = heard.weights
    topics = find_topics(heard, weighed)
    limit = words if words is not None else default_words(heard, len(topics))
    share = _TODO_SHARE if words is not None and words < _ROOMY else _ROOMY_TODO_SHARE
    kept = fit_todos(find_todos(heard), int(limit * share))
    left = limit - sum(map(_todo_words, kept))
    asked = _fit_open(open_questions(heard), int(left * _OPEN_SHARE))
    left -= sum(_open_words(one) for one in asked)
    candidates = units(heard)
    scores = _score(heard, candidates, kept, focus, encoder, weights)
    budget = Budget(left, points)
    chosen = _choose(heard, candidates, scores, weighed, budget, kept, asked, topics)
    return Digest(
        title=title_of(heard, 0, len(heard.turns), weighed),
        points=_points(heard, [candidates[at] for at in chosen]),
        todos=tuple(one.todo for one in kept),
        open=tuple(
            Open(text=one.text, speaker=one.speaker, turn=one.turn, start=one.start, end=one.end) for one in asked
        ),
        topics=topics,
    )


def default_words(heard: Heard, topics: int = 0) -> int:
    """The length of a digest by that of the conversation; a long one gets some words for each topic."""
    total = sum(count_words(turn.text) for turn in heard.turns)
    return max(min(LONGEST, SHORTEST + total // 6), _TOPIC_WORDS * topics)


def _todo_words(settled: Settled) -> int:
    todo = settled.todo
    return count_words(f"{todo.who} {todo.what} {todo.when}")


def _open_words(sentence: Sentence) -> int:
    return count_words(sentence.text) + count_words(sentence.speaker)


def fit_todos(found: list[Settled], limit: int) -> list[Settled]:
    """The surest that fit, in order."""
    kept: list[Settled] = []
    for one in sorted(found, key=lambda one: -one.strength):
        if _todo_words(one) <= limit:
            limit -= _todo_words(one)
            kept.append(one)
    return sorted(kept, key=lambda one: one.todo.turn)


def _fit_open(found: list[Sentence], limit: int) -> list[Sentence]:
    kept: list[Sentence] = []
    for one in found[-_MOST_OPEN:]:
        if _open_words(one) <= limit:
            limit -= _open_words(one)
            kept.append(one)
    return kept


def _score(
    heard: Heard,
    candidates: Sequence[Unit],
    todos: Sequence[Settled],
    focus: str | None,
    encoder: Embed | None,
    weights: Mapping[str, float] | None,
) -> list[float]:
    tasks = frozenset(place for one in todos for place in one.places)
    known = weights or bundled_weights()
    scores = [
        probability(row, known) * (_TOLD if unit.sentence.place in tasks else 1.0)
        for unit, row in zip(candidates, rows(heard, candidates, tasks), strict=True)
    ]
    if focus:
        return [score * near for score, near in zip(scores, _nearness(heard, candidates, focus, encoder), strict=True)]
    return scores


def _nearness(heard: Heard, candidates: Sequence[Unit], focus: str, encoder: Embed | None) -> list[float]:
    """How near each unit is to the focus, from 0.05 to 1."""
    wanted = set(stems(focus, heard.cues))
    near = [len(wanted & unit.sentence.stems) / (len(wanted) or 1) for unit in candidates]
    if encoder is not None:
        aim, *others = encoder([focus, *(unit.sentence.text for unit in candidates)])
        cosines = [sum(a * b for a, b in zip(aim, other, strict=True)) for other in others]
        near = [max(share, min(1.0, (cosine - 0.15) / 0.6)) for share, cosine in zip(near, cosines, strict=True)]
    return [0.05 + 0.95 * share for share in near]


def _choose(
    heard: Heard,
    candidates: Sequence[Unit],
    scores: Sequence[float],
    weighed: dict[str, float],
    budget: Budget,
    todos: Sequence[Settled],
    asked: Sequence[Sentence],
    topics: Sequence[Topic],
) -> list[int]:
    covered = {word: 0.7 for one in todos for word in stems(f"{one.todo.what} {one.todo.when}", heard.cues)}
    covered |= {word: 0.7 for one in asked for word in one.stems}
    context = _contexts(heard, candidates)
    scores = [
        score * _quotable(unit, at in context) * (_RENEWED if unit.renewed else 1.0)
        for at, (score, unit) in enumerate(zip(scores, candidates, strict=True))
    ]
    if not topics:
        return choose(candidates, scores, weighed, budget, covered, context)
    chosen: list[int] = []
    share = budget.words // len(topics)
    most = None if budget.points is None else max(1, budget.points // len(topics))
    for topic in topics:
        inside = [at for at, unit in enumerate(candidates) if topic.start <= unit.sentence.turn < topic.end]
        places = {at: number for number, at in enumerate(inside)}
        near = {places[at]: places[other] for at, other in context.items() if at in places and other in places}
        picked = choose(
            [candidates[at] for at in inside],
            [scores[at] for at in inside],
            weighed,
            Budget(share, most),
            covered,
            near,
        )
        chosen += [inside[at] for at in picked]
    return chosen


def _contexts(heard: Heard, candidates: Sequence[Unit]) -> dict[int, int]:
    """For a clause that can't be understood alone the one to quote with it: what it answers, or what "it" is."""
    last: dict[int, int] = {}
    found: dict[int, int] = {}
    for at, unit in enumerate(candidates):
        turn = unit.sentence.turn
        short = len(unit.clause.stems) <= 2 and unit.clause.words <= 5 and not unit.asks
        first = re.match(r"[\w'’]*", unit.text.lower())
        refers = first is not None and re.split("['’]", first[0])[0] in heard.cues.words("pronouns")
        if at and refers and candidates[at - 1].sentence.turn == turn and unit.clause == unit.sentence.clauses[0]:
            found[at] = at - 1
        elif short and unit.sentence == heard.by_turn[turn][0]:
            before = next((last[one] for one in (turn - 1, turn - 2) if one in last and _other(heard, one, turn)), None)
            if before is not None and candidates[before].asks:
                found[at] = before
        last[turn] = at
    return found


def _other(heard: Heard, turn: int, later: int) -> bool:
    return heard.turns[turn].speaker != heard.turns[later].speaker


def _quotable(unit: Unit, has_context: bool) -> bool:
    """Whether a clause tells a reader something, by itself or with what it answers."""
    carried = len(unit.clause.stems)
    if unit.replaced or not carried:
        return False
    return carried > 1 or has_context or unit.clause.words >= 3 or any(map(str.isdigit, unit.text))


def _points(heard: Heard, chosen: Sequence[Unit]) -> tuple[Point, ...]:
    """One point for each message, with "…" between stretches that don't touch."""
    found: list[Point] = []
    group: list[Unit] = []
    for unit in (*chosen, None):
        if group and (unit is None or unit.sentence.turn != group[0].sentence.turn):
            found.append(_point(heard, group))
            group = []
        if unit is not None:
            group.append(unit)
    return tuple(found)


def _point(heard: Heard, group: Sequence[Unit]) -> Point:
    turn = group[0].sentence.turn
    text = heard.turns[turn].text
    pieces: list[list[int]] = []
    for unit in group:
        start, end = unit.clause.start, unit.clause.end
        if pieces and not any(sign.isalnum() for sign in text[pieces[-1][1] : start]):
            pieces[-1][1] = end
        else:
            pieces.append([start, end])
    return Point(
        text=f" {LEFT_OUT} ".join(text[start:end] for start, end in pieces),
        speaker=heard.turns[turn].speaker,
        turn=turn,
        start=pieces[0][0],
        end=pieces[-1][1],
        kind="decision" if any(_decides(heard, unit) for unit in group) else "point",
    )


def _decides(heard: Heard, unit: Unit) -> bool:
    if unit.replaced or unit.renewed:
        return False
    proposed = unit.asks and unit.agreed and heard.cues.found("settles", unit.sentence.whole)
    return proposed or settles(heard, unit.sentence)


@cache
def bundled_weights() -> dict[str, float]:
    """The weights that come with the package."""
    text = resources.files(__package__).joinpath("weights.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, float])


__all__ = ["Embed", "Todo", "bundled_weights", "default_words", "make_digest"]
