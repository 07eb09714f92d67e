"""Finds who does what by when: pledges and requests that nobody declined, withdrew or reported done."""

import re
from dataclasses import dataclass, replace

import msgspec

from assistant.digest.cues import Cues
from assistant.digest.dates import Calendar, find_when
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.records import Todo
from assistant.digest.replies import is_question, opens_with, replaced
from assistant.digest.spans import count_words, stems, trim
from assistant.digest.todos.answers import LONGEST_CONTEXT, Answer, answer_to, verb_of
from assistant.digest.todos.pointing import REACH, antecedent, beginning, is_vague, refers, verbs
from assistant.digest.todos.tasks import Task, tasks

_LEAST = 0.5
_REPORTED = 4


@dataclass(frozen=True, slots=True)
class Settled:
    """A to-do with the certainty that it is one, and the places of the sentences it covers."""

    todo: Todo
    strength: float
    places: frozenset[int]


def find_todos(heard: Heard) -> list[Settled]:
    """Return the to-dos of a conversation in order, without duplicates."""
    calendar = Calendar([turn.time for turn in heard.turns], heard.cues)
    gone = replaced(heard)
    found: list[Settled] = []
    candidates = [task for sentence in heard.sentences for task in tasks(heard, sentence)]
    answered = {id(task): answer_to(heard, task) for task in candidates}
    merged = {
        place: verb_of(heard, task)
        for task in candidates
        if task.kind == "request" and (one := answered[id(task)])
        for place in one.places
    }
    for task in candidates:
        known = task.kind == "pledge" and task.sentence.place in merged
        same = known and verb_of(heard, task) == merged[task.sentence.place]
        if known and (same or refers(heard, task) or is_vague(heard, task) or _is_for_them(heard, task)):
            found = [
                _as_accepted(heard, task, one, calendar) if task.sentence.place in one.places else one for one in found
            ]
            continue
        settled = _settle(heard, task, answered[id(task)], calendar, gone)
        if settled is None or settled.strength < _LEAST:
            continue
        if found and _goes_on(heard, task, settled, found[-1]):
            found[-1] = replace(
                found[-1], todo=_with_when(found[-1].todo, settled.todo), places=found[-1].places | settled.places
            )
        else:
            found.append(settled)
    return _without_repeats(heard, found)


def _goes_on(heard: Heard, task: Task, settled: Settled, before: Settled) -> bool:
    """Whether the task only adds a time to what that person pledged just before: "I'll do the list. You'll have it by
    Monday.", or "I'll warn them." "Please do it before ten."
    """
    if before.todo.who != settled.todo.who:
        return False
    if before.todo.turn == settled.todo.turn and task.kind == "pledge" and refers(heard, task):
        return is_vague(heard, task) or not before.todo.when
    if settled.todo.turn - before.todo.turn > REACH or before.todo.when or not settled.todo.when:
        return False
    same = settled.todo.what.partition(" ")[0].lower() == before.todo.what.partition(" ")[0].lower()
    return is_vague(heard, task) or (same and refers(heard, task))


def _is_for_them(heard: Heard, task: Task) -> bool:
    """Whether the task names its beneficiaries only by a pronoun: "I'll write to them as soon as we know"."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    words = re.findall(r"[\w'’]+", beginning(heard, text).lower())
    carried = set(stems(" ".join(words), heard.cues)) - verbs(heard)
    return not carried and bool(heard.cues.words("persons").intersection(words))


def _as_accepted(heard: Heard, task: Task, settled: Settled, calendar: Calendar) -> Settled:
    """Add the time, or else the condition, given by whoever accepted the to-do: "sure, I'll send it by Friday"."""
    when, _ = _when(heard, task)
    if not when or (settled.todo.when and not find_when(when, heard.cues)):
        return settled
    date = calendar.date(when, task.sentence.turn)
    return replace(settled, todo=msgspec.structs.replace(settled.todo, when=when, date=date))


def _when(heard: Heard, task: Task) -> tuple[str, str]:
    """Return the time in a task's sentence, or else its condition; and the same unedited, if it is part of the task's
    words.
    """
    text = heard.turns[task.sentence.turn].text
    if found := find_when(text[task.start : task.end], heard.cues) or _behind(heard, task):
        return _tidy(found[0]), found[0].strip()
    condition = _condition(heard, task)
    return condition or _provided(heard, task), condition


def _condition(heard: Heard, task: Task) -> str:
    """Return a condition such as "as soon as we've decided", if the task says something before it."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    found = heard.cues.pattern("until").search(text)
    condition = text[found.start() :].strip(" ,.!?") if found and found.start() else ""
    return condition if 1 < count_words(condition) <= LONGEST_CONTEXT else ""


def _provided(heard: Heard, task: Task) -> str:
    """Return the condition at the start of a sentence: "If it gets worse, call at once"."""
    before = heard.turns[task.sentence.turn].text[task.sentence.start : task.start].rstrip(" ,")
    short = count_words(before) <= LONGEST_CONTEXT
    return before if short and heard.cues.opens("conditions", before) else ""


def _settle(
    heard: Heard, task: Task, answer: Answer | None, calendar: Calendar, gone: frozenset[int]
) -> Settled | None:
    accepted = answer is not None and answer.change > 0
    who = task.who or (answer.who if answer and accepted else "") or _listener(heard, task.sentence)
    strength = task.strength + (answer.change if answer else 0.0)
    own, said = _when(heard, task)
    when = own or _tidy(answer.when if answer else "") or _later_when(heard, task)
    strength += 0.15 * bool(when)
    if _is_over(heard, task, who, gone):
        return None
    what = _what(heard, task, said, who)
    if not any(map(str.isalnum, what.partition(" (")[0])):
        return None
    turn = task.sentence.turn
    todo = Todo(who=who, what=what, when=when, date=calendar.date(when, turn), turn=turn, text=task.sentence.text)
    places = {task.sentence.place} if _says_all(task) else set()
    return Settled(todo, strength, frozenset(places | set(answer.places if answer else ())))


def _behind(heard: Heard, task: Task) -> re.Match[str] | None:
    """Find a time in the rest of the sentence, unless the rest is about what somebody else or "I" does."""
    rest = heard.turns[task.sentence.turn].text[task.end : task.sentence.end]
    opening = re.match(r"\W*([\w'’]*)", rest)
    word = opening[1].lower() if opening else ""
    if not word or word in heard.cues.words("subject_pronouns") - {"they"} or word in heard.cues.words("contracted"):
        return None
    return find_when(rest, heard.cues)


def _tidy(when: str) -> str:
    """Drop a preposition such as "in" before "by" or "next"."""
    return re.sub(
        r"^(?:of\s+|(?:in|for|on|to|from)\s+(?=(?:by|next|this|today|tomorrow|tonight|until|before)\b))",
        "",
        when.strip(),
    )


def _says_all(task: Task) -> bool:
    return task.end - task.start > 0.6 * len(task.sentence.text)


def _listener(heard: Heard, sentence: Sentence) -> str:
    """Return who "you" is: the other of two speakers, else the previous speaker, else the next."""
    if len(heard.speakers) == 2:
        return next((name for name in heard.speakers if name != sentence.speaker), "")
    for turn in (sentence.turn - 1, sentence.turn + 1):
        if 0 <= turn < len(heard.turns) and heard.turns[turn].speaker != sentence.speaker and turn not in heard.silent:
            return heard.turns[turn].speaker
    return ""


def _later_when(heard: Heard, task: Task) -> str:
    """Return a time that stands alone in the next sentence of the same message."""
    if task.sentence.last:
        return ""
    behind = heard.sentences[task.sentence.place + 1]
    found = find_when(behind.text, heard.cues) if count_words(behind.text) <= 4 else None
    return found[0].strip() if found else ""


def _is_over(heard: Heard, task: Task, who: str, gone: frozenset[int]) -> bool:
    """Whether the task was later done or withdrawn."""
    about, turn = _about(heard, task), task.sentence.turn
    if task.sentence.place in gone:
        return True
    behind = (one for one in heard.withdrawals if one.turn > turn)
    if any(about & one.stems or about & _asked_just_before(heard, one) for one in behind):
        return True
    if any(one.turn > turn and about & one.stems and _names_as_done(heard, task, one) for one in heard.passives):
        return True
    return any(
        at > turn and (about & heard.stems_at(at) or (at - turn <= _REPORTED and opens_with(heard, at, "done")))
        for at in heard.reports.get(who, ())
    )


def _names_as_done(heard: Heard, task: Task, sentence: Sentence) -> bool:
    """Whether a sentence says that the task's object is done: "the boat is booked"."""
    verb = verb_of(heard, task)
    behind = (sentence.text[one.end() :].split() for one in heard.cues.pattern("passives").finditer(sentence.text))
    said = [words[0].strip(" .,!?").lower() for words in behind if words]
    return any(word in heard.cues.words("done") or word in (f"{verb}ed", f"{verb}d") for word in said)


def _asked_just_before(heard: Heard, sentence: Sentence) -> frozenset[str]:
    """Return the content words of the message before, if it asks a question."""
    before = heard.by_turn[sentence.turn - 1] if sentence.turn else ()
    return (
        frozenset().union(*(one.stems for one in before))
        if any(is_question(one, heard.cues) for one in before)
        else frozenset()
    )


def _about(heard: Heard, task: Task) -> frozenset[str]:
    """Return the words by which a later message would withdraw the task."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    said = frozenset(stems(text, heard.cues))
    own = said - verbs(heard) or said
    if not refers(heard, task):
        return own
    return own | task.sentence.stems | frozenset(stems(antecedent(heard, task), heard.cues))


def _what(heard: Heard, task: Task, when: str, who: str) -> str:
    """Return the task's text, without its time and polite words."""
    text = heard.turns[task.sentence.turn].text
    start, end = trim(text, task.start, task.end, heard.cues)
    what = text[start:end]
    if when and what.rstrip(" .,!?").endswith(when):
        what = what.rstrip(" .,!?").removesuffix(when)
    what = re.sub(r"\s+", " ", heard.cues.pattern("polite").sub("", what))
    what = re.sub(r",(?:\s*,)+", ",", what).strip(" ,.!?;:-")
    before, _, name = what.rpartition(", ")
    what = before if before and name.lower() in heard.names else what
    before, _, name = what.rpartition(" ")
    if task.kind == "request" and before and heard.names.get(name.lower(), "") == who:
        what = before  # "can you call them Tom?"
    if task.kind == "request":
        what = _base(what, heard.cues)
    if refers(heard, task) and (context := antecedent(heard, task)):
        words = heard.cues.pattern("wants").sub("", context, count=1).split() or context.split()
        context = " ".join(words[:LONGEST_CONTEXT]).rstrip(" .,;:!") + (" …" if len(words) > LONGEST_CONTEXT else "")
        if what.lower().partition(",")[0] not in heard.cues.words("vague"):
            return f"{what} ({context})"
        return "" if heard.cues.found("negation", context) else context  # "I didn't know" is no to-do.
    return what


def _base(what: str, cues: Cues) -> str:
    """Drop the third-person ending: "tells the customers", from "who tells the customers?", becomes "tell …"."""
    verb, _, rest = what.partition(" ")
    is_third = (
        rest and verb.lower() not in cues.words("tasks") and verb.lower().removesuffix("s") in cues.words("tasks")
    )
    return f"{verb.removesuffix('s')} {rest}" if is_third else what


def _without_repeats(heard: Heard, found: list[Settled]) -> list[Settled]:
    """Merge duplicates, keeping the stronger wording; longer ones count as stronger, and later ones win ties."""
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
    return msgspec.structs.replace(todo, when=other.when, date=other.date)


def _overlaps(own: set[str], other: set[str]) -> bool:
    return len(own & other) >= max(1, 0.5 * min(len(own), len(other)))
