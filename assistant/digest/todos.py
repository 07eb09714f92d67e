"""Who does what by when: pledges and requests, as far as nobody declined, withdrew or did them. Knows no points."""

import re
from dataclasses import dataclass, replace

from assistant.digest.dates import Calendar, find_when, when_pattern
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.records import Todo
from assistant.digest.replies import is_question, opens_with
from assistant.digest.spans import count_words, stems, trim
from assistant.digest.tasks import Task, tasks

_LEAST = 0.5
_REACH = 3
_LONGEST_WHAT = 13


@dataclass(frozen=True, slots=True)
class Settled:
    """A to-do with how sure it is one, and the places of the sentences that it says all of."""

    todo: Todo
    strength: float
    places: frozenset[int]


def find_todos(heard: Heard) -> list[Settled]:
    """The to-dos of a conversation in its order, each once."""
    calendar = Calendar([turn.time for turn in heard.turns], heard.cues)
    found: list[Settled] = []
    candidates = [task for sentence in heard.sentences for task in tasks(heard, sentence)]
    answered = {id(task): _answer(heard, task) for task in candidates if task.kind == "request"}
    merged = {place for answer in answered.values() if answer for place in answer.places}
    for task in candidates:
        if task.kind == "pledge" and task.sentence.place in merged and _refers(heard, task):
            continue
        if (settled := _settle(heard, task, answered.get(id(task)), calendar)) and settled.strength >= _LEAST:
            found.append(settled)
    return _without_repeats(heard, found)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a request: by whom, in which sentences, and what it adds to its likelihood."""

    who: str
    places: frozenset[int]
    change: float
    when: str = ""


def _answer(heard: Heard, task: Task) -> _Answer | None:
    """The reply of the one who was asked, or of the first to accept where nobody was named."""
    asker = task.sentence.speaker
    for turn in range(task.sentence.turn + 1, min(len(heard.turns), task.sentence.turn + 1 + _REACH)):
        speaker = heard.turns[turn].speaker
        if speaker == asker or (task.who and speaker != task.who) or turn in heard.silent:
            continue
        said = heard.by_turn[turn][:2]
        if opens_with(heard, turn, "done_replies"):
            return _Answer(speaker, frozenset(), -1.0)
        if opens_with(heard, turn, "accepts"):
            text = " ".join(one.whole for one in said)
            when = find_when(text, heard.cues)
            short = [one.place for one in said if len(one.stems) <= 6]
            return _Answer(speaker, frozenset(short), 0.3, when[0].strip() if when and count_words(text) < 12 else "")
        if opens_with(heard, turn, "refusal"):
            return _Answer(speaker, frozenset(), -1.0)
        return _Answer(speaker, frozenset(), 0.0)
    return None


def _settle(heard: Heard, task: Task, answer: _Answer | None, calendar: Calendar) -> Settled | None:
    who = task.who or (answer.who if answer and answer.change > 0 else "") or _listener(heard, task.sentence)
    strength = task.strength + (answer.change if answer else 0.0)
    text = heard.turns[task.sentence.turn].text
    found = find_when(text[task.start : task.end], heard.cues) or find_when(
        text[task.end : task.sentence.end], heard.cues
    )
    when = found[0].strip() if found else (answer.when if answer else "") or _later_when(heard, task)
    strength += 0.15 * bool(when)
    if _is_over(heard, task, who):
        return None
    what = _what(heard, task, when)
    if count_words(what) < 1 or not stems(what, heard.cues):
        return None
    turn = task.sentence.turn
    todo = Todo(who=who, what=what, when=when, date=calendar.date(when, turn), turn=turn, text=task.sentence.text)
    places = {task.sentence.place} if _says_all(task) else set()
    return Settled(todo, strength, frozenset(places | set(answer.places if answer else ())))


def _says_all(task: Task) -> bool:
    return task.end - task.start > 0.6 * len(task.sentence.text)


def _listener(heard: Heard, sentence: Sentence) -> str:
    """Who is meant by "you": the other of two, else who spoke before, else who speaks next."""
    if len(heard.speakers) == 2:
        return next((name for name in heard.speakers if name != sentence.speaker), "")
    for turn in (sentence.turn - 1, sentence.turn + 1):
        if 0 <= turn < len(heard.turns) and heard.turns[turn].speaker != sentence.speaker and turn not in heard.silent:
            return heard.turns[turn].speaker
    return ""


def _later_when(heard: Heard, task: Task) -> str:
    """A time that stands alone in the next sentence of the same message."""
    for sentence in heard.by_turn[task.sentence.turn]:
        if sentence.place == task.sentence.place + 1 and count_words(sentence.text) <= 4:
            found = find_when(sentence.text, heard.cues)
            return found[0].strip() if found else ""
    return ""


def _is_over(heard: Heard, task: Task, who: str) -> bool:
    """Whether it was done, declined or withdrawn later."""
    about = _about(heard, task)
    for later in heard.sentences[task.sentence.place + 1 :]:
        if later.turn == task.sentence.turn:
            continue
        shared = about & later.stems
        near = later.turn - task.sentence.turn <= 4
        if heard.cues.found("withdrawn", later.whole) and shared:
            return True
        if (
            later.speaker == who
            and heard.cues.opens("done", later.text)
            and (shared or (near and opens_with(heard, later.turn, "done")))
        ):
            return True
    return False


def _about(heard: Heard, task: Task) -> frozenset[str]:
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    own = frozenset(stems(text, heard.cues))
    context = _antecedent(heard, task) if _refers(heard, task) else None
    return own | frozenset(stems(context, heard.cues) if context else ())


def _refers(heard: Heard, task: Task) -> bool:
    """Whether the words of the task alone don't tell what it is about: "book it"."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    bare = when_pattern(heard.cues).sub(" ", text)
    words = re.findall(r"[\w'’]+", bare.lower())
    carried = [
        word
        for word in stems(bare, heard.cues)
        if word not in {s for v in heard.cues.words("tasks") for s in stems(v, heard.cues)}
    ]
    return len(carried) <= (1 if any(word in heard.cues.words("pronouns") for word in words) else 0)


def _antecedent(heard: Heard, task: Task) -> str:
    """The nearest clause before the task that says what it is about."""
    verbs = {one for verb in heard.cues.words("tasks") for one in stems(verb, heard.cues)}
    best, best_score = "", 0.0
    for back, sentence in enumerate(reversed(heard.sentences[max(0, task.sentence.place - 5) : task.sentence.place])):
        if task.sentence.turn - sentence.turn > _REACH:
            break
        for clause in sentence.clauses:
            carried = len(clause.stems - verbs)
            score = min(carried, 4) / (1.0 + 0.45 * back) - 0.06 * max(0, clause.words - 8)
            if carried and score > best_score:
                best, best_score = heard.turns[sentence.turn].text[clause.start : clause.end], score
    words = best.split()
    return " ".join(words[:10]) + (" …" if len(words) > 10 else "")


def _what(heard: Heard, task: Task, when: str) -> str:
    text = heard.turns[task.sentence.turn].text
    start, end = trim(text, task.start, task.end, heard.cues)
    what = text[start:end]
    if when and what.lower().endswith(when.lower()):
        what = what[: -len(when)]
    what = what.rstrip(" ,.!?;:-")
    polite = heard.cues.pattern("polite")
    what = re.sub(r"\s+", " ", polite.sub("", what)).strip(" ,") if polite.search(what) else what
    if _refers(heard, task) and (context := _antecedent(heard, task)):
        return f"{what} ({context.rstrip(' .,;:!')})"
    return what


def _without_repeats(heard: Heard, found: list[Settled]) -> list[Settled]:
    """Each to-do once, the later wording with more words to it or the stronger one."""
    kept: list[Settled] = []
    for one in found:
        own = set(stems(one.todo.what, heard.cues))
        twin = next(
            (
                at
                for at, other in enumerate(kept)
                if other.todo.who == one.todo.who and _overlaps(own, set(stems(other.todo.what, heard.cues)))
            ),
            None,
        )
        if twin is None:
            kept.append(one)
            continue
        other = kept[twin]
        first, second = (
            (one, other)
            if one.strength + 0.02 * len(own) >= other.strength + 0.02 * len(stems(other.todo.what, heard.cues))
            else (other, one)
        )
        todo = first.todo if first.todo.when else _with_when(first.todo, second.todo)
        kept[twin] = replace(first, todo=todo, places=first.places | second.places)
    return kept


def _with_when(todo: Todo, other: Todo) -> Todo:
    return Todo(who=todo.who, what=todo.what, when=other.when, date=other.date, turn=todo.turn, text=todo.text)


def _overlaps(own: set[str], other: set[str]) -> bool:
    return len(own & other) >= max(1, 0.5 * min(len(own), len(other)))


__all__ = ["Settled", "find_todos", "is_question"]
