"""Makes the digest of a dialogue: cuts it into sentences, scores them, and chooses what to quote."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.digest.choosing import Budget, choose, probability
from assistant.digest.features import Unit, rows, units
from assistant.digest.hearing import Heard, Sentence, hear
from assistant.digest.questions import open_questions
from assistant.digest.records import LEFT_OUT, Digest, Open, Point, Topic
from assistant.digest.replies import settles
from assistant.digest.spans import count_words
from assistant.digest.todos.todos import Settled, find_todos
from assistant.digest.todos.worth import as_wanted
from assistant.digest.topics import find_topics, title_of
from assistant.digest.weighing import Embed, bundled_weights, contexts, covered_by, nearness, worth
from assistant.records import Dialogue

SHORTEST, LONGEST = 40, 110
"""The range of a digest's default length in words."""
_TOPIC_WORDS = 30
_ROOMY = 80
"""From this many words on, to-dos may take a larger share."""
_ROOMY_TODO_SHARE = 0.4
_TODO_SHARE, _LEAST_TODO_WORDS, _MOST_TODO_SHARE = 0.15, 8, 0.25
"""In a shorter digest to-dos may take this share, or the least number of words if that is at most the larger share."""
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
    """Quote what matters in a dialogue, in about `words` words and from at most `points` messages.

    `focus` is a topic to prefer. `encoder` compares texts by meaning; without it, words are compared. `weights` replace
    the bundled weights, for example by the user's own. `cue_folder` holds the user's cue words.
    """
    heard = hear(dialogue, cue_folder)
    if not heard.sentences:
        return Digest()
    weighed = heard.weights
    topics = find_topics(heard, weighed)
    limit = words if words is not None else default_words(heard, len(topics))
    kept = fit_todos(as_wanted(heard, find_todos(heard), weights), todo_room(limit, asked=words is not None))
    left = limit - sum(map(todo_words, kept))
    requests = {(one.todo.turn, one.todo.text) for one in kept}
    unanswered = [one for one in open_questions(heard) if (one.turn, one.text) not in requests]
    asked = _fit_open(unanswered, int(left * _OPEN_SHARE))
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
    """Return the default length of a digest in words, by the length of the conversation and its number of topics."""
    total = sum(count_words(turn.text) for turn in heard.turns)
    return max(words_for(total), _TOPIC_WORDS * topics)


def words_for(total: int) -> int:
    """Return the default length of a digest for a conversation of `total` words on one topic."""
    return min(LONGEST, SHORTEST + total // 6)


def todo_room(limit: int, *, asked: bool) -> int:
    """Return how many of `limit` words to-dos may take. `asked` says whether the user chose the limit."""
    if limit >= _ROOMY or not asked:
        return int(limit * _ROOMY_TODO_SHARE)
    return int(max(limit * _TODO_SHARE, min(_LEAST_TODO_WORDS, limit * _MOST_TODO_SHARE)))


def todo_words(settled: Settled) -> int:
    todo = settled.todo
    return count_words(f"{todo.who} {todo.what} {todo.when}")


def _open_words(sentence: Sentence) -> int:
    return count_words(sentence.text) + count_words(sentence.speaker)


def fit_todos(found: list[Settled], limit: int) -> list[Settled]:
    """Return the most certain to-dos that fit into `limit` words, in the order of the conversation."""
    kept: list[Settled] = []
    for one in sorted(found, key=lambda one: -one.strength):
        if todo_words(one) <= limit:
            limit -= todo_words(one)
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
    near = contexts(heard, candidates)
    scores = [
        probability(row, known) * worth(unit, at in near, tasks)
        for at, (unit, row) in enumerate(zip(candidates, rows(heard, candidates, tasks), strict=True))
    ]
    if focus:
        return [score * part for score, part in zip(scores, nearness(heard, candidates, focus, encoder), strict=True)]
    return scores


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
    covered = covered_by(heard, todos, asked)
    context = contexts(heard, candidates)
    if not topics or (budget.points is not None and budget.points < len(topics)):
        return choose(candidates, scores, weighed, budget, covered, context)
    chosen: list[int] = []
    share = budget.words // len(topics)
    most = None if budget.points is None else budget.points // len(topics)
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


def _points(heard: Heard, chosen: Sequence[Unit]) -> tuple[Point, ...]:
    """Return one point per message, with "…" between clauses that are not adjacent."""
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


__all__ = ["Embed", "bundled_weights", "default_words", "fit_todos", "make_digest", "todo_room", "todo_words"]
