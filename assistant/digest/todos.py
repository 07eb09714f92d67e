"""Who does what by when: pledges and requests, as far as nobody declined, withdrew or did them."""

import re
from dataclasses import dataclass, replace

import msgspec

from assistant.digest.cues import Cues
from assistant.digest.dates import Calendar, find_when, when_pattern
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.pointing import REACH, antecedent, beginning, is_vague, refers, verbs
from assistant.digest.records import Todo
from assistant.digest.replies import is_question, opens_with, replaced
from assistant.digest.spans import count_words, stems, trim
from assistant.digest.tasks import Task, tasks

_LEAST = 0.5
_OFFERED = 0.5
"""Up to this strength a request goes to nobody in particular: whoever takes it on has it."""
_REPORTED = 4
_LONGEST_CONTEXT = 7


@dataclass(frozen=True, slots=True)
class Settled:
    """A to-do with how sure it is one, and the places of the sentences that it says all of."""

    todo: Todo
    strength: float
    places: frozenset[int]


def find_todos(heard: Heard) -> list[Settled]:
    """The to-dos of a conversation in its order, each once."""
    calendar = Calendar([turn.time for turn in heard.turns], heard.cues)
    gone = replaced(heard)
    found: list[Settled] = []
    candidates = [task for sentence in heard.sentences for task in tasks(heard, sentence)]
    answered = {id(task): _answer(heard, task) for task in candidates}
    merged = {
        place for task in candidates if task.kind == "request" and (one := answered[id(task)]) for place in one.places
    }
    for task in candidates:
        known = task.kind == "pledge" and task.sentence.place in merged
        if known and (refers(heard, task) or is_vague(heard, task) or _is_for_them(heard, task)):
            found = [_with_condition(heard, task, one) if task.sentence.place in one.places else one for one in found]
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
    """Whether it only adds a time to what that person pledged just before: "I'll do the list. You'll have it by
    Monday." or "I'll warn them." "Please do it before ten." """
    if before.todo.who != settled.todo.who:
        return False
    if before.todo.turn == settled.todo.turn and task.kind == "pledge" and refers(heard, task):
        return is_vague(heard, task) or not before.todo.when
    is_near = settled.todo.turn - before.todo.turn <= REACH
    return is_near and not before.todo.when and bool(settled.todo.when) and is_vague(heard, task)


def _is_for_them(heard: Heard, task: Task) -> bool:
    """Whether it names those for whom it is only by a pronoun: "I'll write to them as soon as we know"."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    words = re.findall(r"[\w'’]+", beginning(heard, text).lower())
    carried = set(stems(" ".join(words), heard.cues)) - verbs(heard)
    return not carried and bool(heard.cues.words("persons").intersection(words))


def _with_condition(heard: Heard, task: Task, settled: Settled) -> Settled:
    """The to-do with the condition that the one who took it on gives."""
    condition = _condition(heard, task)
    if settled.todo.when or not condition:
        return settled
    return replace(settled, todo=msgspec.structs.replace(settled.todo, when=condition))


def _condition(heard: Heard, task: Task) -> str:
    """What has to come first, "as soon as we've decided", where the task says something before it."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    found = heard.cues.pattern("until").search(text)
    condition = text[found.start() :].strip(" ,.!?") if found and found.start() else ""
    return condition if 1 < count_words(condition) <= _LONGEST_CONTEXT else ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a request or an offer: by whom, in which sentences, and what it adds to its likelihood."""

    who: str
    places: frozenset[int]
    change: float
    when: str = ""


def _answer(heard: Heard, task: Task) -> _Answer | None:
    """The reply of the one who was asked, or of the first to accept where nobody was named."""
    speaker = task.sentence.speaker
    wanted = task.who if task.kind == "request" else ""
    for turn in range(task.sentence.turn + 1, min(len(heard.turns), task.sentence.turn + 1 + REACH)):
        other = heard.turns[turn].speaker
        if other == speaker or (wanted and other != wanted) or turn in heard.silent:
            continue
        if task.kind == "pledge":
            return _offered(heard, task, turn)
        if opens_with(heard, turn, "done_replies"):
            return _Answer(other, frozenset(), -1.0)
        if heard.cues.opens("refusal", heard.turns[turn].text):
            if wanted or len(heard.speakers) == 2:
                return _Answer(other, frozenset(), -1.0)
            continue
        if is_question(task.sentence, heard.cues) and _only_tells_when(heard, turn):
            return _accepted(heard, turn)
        if opens_with(heard, turn, "accepts" if wanted or task.strength > _OFFERED else "takers"):
            return _accepted(heard, turn)
        if wanted or task.strength > _OFFERED:
            return _Answer(other, frozenset(), 0.0)
    return None


def _only_tells_when(heard: Heard, turn: int) -> bool:
    """Whether a reply is a time and little else: "Wednesday afternoon, by van." """
    first = heard.by_turn[turn][0].text if heard.by_turn[turn] else ""
    when = when_pattern(heard.cues).match(first)
    return when is not None and count_words(first[when.end() :]) <= 2


def _accepted(heard: Heard, turn: int) -> _Answer:
    said = heard.by_turn[turn][:2]
    text = said[0].whole if said else heard.turns[turn].text
    when = find_when(text, heard.cues)
    short = [one.place for one in said if len(one.stems) <= 6]
    beside = stems(text.replace(when[0], " "), heard.cues) if when else ()
    told = when[0].strip() if when and count_words(text) <= 6 and len(beside) <= 1 else ""
    return _Answer(heard.turns[turn].speaker, frozenset(short), 0.3, told)


def _offered(heard: Heard, task: Task, turn: int) -> _Answer:
    """What the next person makes of an offer: "please do, by Monday"."""
    if opens_with(heard, turn, "refusal"):
        return _Answer(task.who, frozenset(), -0.3)
    if not opens_with(heard, turn, "go_ahead"):
        return _Answer(task.who, frozenset(), 0.0)
    text = heard.turns[turn].text
    when = find_when(text, heard.cues)
    return _Answer(task.who, frozenset(), 0.25, when[0].strip() if when and count_words(text) <= 6 else "")


def _settle(
    heard: Heard, task: Task, answer: _Answer | None, calendar: Calendar, gone: frozenset[int]
) -> Settled | None:
    accepted = answer is not None and answer.change > 0
    who = task.who or (answer.who if answer and accepted else "") or _listener(heard, task.sentence)
    strength = task.strength + (answer.change if answer else 0.0)
    text = heard.turns[task.sentence.turn].text
    found = find_when(text[task.start : task.end], heard.cues) or _behind(heard, task)
    condition = "" if found else _condition(heard, task)
    when = _tidy(found[0]) if found else condition or _tidy(answer.when if answer else "") or _later_when(heard, task)
    strength += 0.15 * bool(when)
    if _is_over(heard, task, who, gone):
        return None
    what = _what(heard, task, found[0].strip() if found else condition)
    if not any(map(str.isalnum, what.partition(" (")[0])):
        return None
    turn = task.sentence.turn
    todo = Todo(who=who, what=what, when=when, date=calendar.date(when, turn), turn=turn, text=task.sentence.text)
    places = {task.sentence.place} if _says_all(task) else set()
    return Settled(todo, strength, frozenset(places | set(answer.places if answer else ())))


def _behind(heard: Heard, task: Task) -> re.Match[str] | None:
    """A time in the rest of the sentence, unless that is about something that somebody else or "I" does."""
    rest = heard.turns[task.sentence.turn].text[task.end : task.sentence.end]
    opening = re.match(r"\W*([\w'’]*)", rest)
    word = opening[1].lower() if opening else ""
    if not word or word in heard.cues.words("subject_pronouns") - {"they"} or word in heard.cues.words("contracted"):
        return None
    return find_when(rest, heard.cues)


def _tidy(when: str) -> str:
    """The time without a word like "in" before "by" or "next"."""
    return re.sub(
        r"^(?:of\s+|(?:in|for|on|to|from)\s+(?=(?:by|next|this|today|tomorrow|tonight|until|before)\b))",
        "",
        when.strip(),
    )


def _says_all(task: Task) -> bool:
    return task.end - task.start > 0.6 * len(task.sentence.text)


def _listener(heard: Heard, sentence: Sentence) -> str:
    """Who is meant by "you": the other of two, else who spoke just before, else who speaks next."""
    if len(heard.speakers) == 2:
        return next((name for name in heard.speakers if name != sentence.speaker), "")
    for turn in (sentence.turn - 1, sentence.turn + 1):
        if 0 <= turn < len(heard.turns) and heard.turns[turn].speaker != sentence.speaker and turn not in heard.silent:
            return heard.turns[turn].speaker
    return ""


def _later_when(heard: Heard, task: Task) -> str:
    """A time that stands alone in the next sentence of the same message."""
    if task.sentence.last:
        return ""
    behind = heard.sentences[task.sentence.place + 1]
    found = find_when(behind.text, heard.cues) if count_words(behind.text) <= 4 else None
    return found[0].strip() if found else ""


def _is_over(heard: Heard, task: Task, who: str, gone: frozenset[int]) -> bool:
    """Whether it was done, declined or withdrawn later."""
    about, turn = _about(heard, task), task.sentence.turn
    if turn in {heard.sentences[place].turn for place in gone}:
        return True
    behind = (one for one in heard.withdrawals if one.turn > turn)
    if any(about & one.stems or about & _asked_just_before(heard, one) for one in behind):
        return True
    return any(
        at > turn and (about & heard.stems_at(at) or (at - turn <= _REPORTED and opens_with(heard, at, "done")))
        for at in heard.reports.get(who, ())
    )


def _asked_just_before(heard: Heard, sentence: Sentence) -> frozenset[str]:
    """The words of a question in the message before."""
    before = heard.by_turn[sentence.turn - 1] if sentence.turn else ()
    return (
        frozenset().union(*(one.stems for one in before))
        if any(is_question(one, heard.cues) for one in before)
        else frozenset()
    )


def _about(heard: Heard, task: Task) -> frozenset[str]:
    """What a later message would name to withdraw it."""
    text = heard.turns[task.sentence.turn].text[task.start : task.end]
    own = frozenset(stems(text, heard.cues)) - verbs(heard)
    if not refers(heard, task):
        return own
    return own | task.sentence.stems | frozenset(stems(antecedent(heard, task), heard.cues))


def _what(heard: Heard, task: Task, when: str) -> str:
    """What is to be done, without the time and the words that only make it polite."""
    text = heard.turns[task.sentence.turn].text
    start, end = trim(text, task.start, task.end, heard.cues)
    what = text[start:end]
    if when and what.rstrip(" .,!?").endswith(when):
        what = what.rstrip(" .,!?").removesuffix(when)
    what = re.sub(r"\s+", " ", heard.cues.pattern("polite").sub("", what))
    what = re.sub(r",(?:\s*,)+", ",", what).strip(" ,.!?;:-")
    if task.kind == "request":
        what = _base(what, heard.cues)
    if refers(heard, task) and (context := antecedent(heard, task)):
        words = heard.cues.pattern("wants").sub("", context, count=1).split() or context.split()
        context = " ".join(words[:_LONGEST_CONTEXT]).rstrip(" .,;:!") + (" …" if len(words) > _LONGEST_CONTEXT else "")
        return context if what.lower().partition(",")[0] in heard.cues.words("vague") else f"{what} ({context})"
    return what


def _base(what: str, cues: Cues) -> str:
    """Without the ending of a third person: "tells the customers", of "who tells the customers?", is "tell …"."""
    verb, _, rest = what.partition(" ")
    is_third = (
        rest and verb.lower() not in cues.words("tasks") and verb.lower().removesuffix("s") in cues.words("tasks")
    )
    return f"{verb.removesuffix('s')} {rest}" if is_third else what


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
    return msgspec.structs.replace(todo, when=other.when, date=other.date)


def _overlaps(own: set[str], other: set[str]) -> bool:
    return len(own & other) >= max(1, 0.5 * min(len(own), len(other)))
