"""Makes training examples for supervised tuning: rows from files, a Hub data set or the user's ratings, split by
conversation and rendered as prompts.

A row has `dialogue` and `summary`; `prompt` and `summary` if the exact prompt is known; `input` and `target` for
other tasks; `question`, `rationale` and `answer` for reasoning.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DataMissing, UsageError
from assistant.feedback.store import Store
from assistant.prompts import MODES, TASKS, render
from assistant.prompts.modes import reasoning_marker
from assistant.records import Task
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import lacks, read_rows

Row = dict[str, Any]
_NO_BUDGET = 1 << 30
_REASON = "{question}\n\nLet's think step by step.\n"
_CONCLUDE = "{rationale} Therefore, the answer is: {answer}"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt and its target text. `dialogue` is the conversation in the prompt, or "". `task` is what the prompt asks
    about it, or None if the prompt must be used exactly as it is.
    """

    source: str
    target: str
    dialogue: str = ""
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Parted:
    """Training rows and held-out rows. `leaked` counts rows left out because their conversation is held out."""

    train: list[Row]
    held_out: list[Row]
    leaked: int


def read_lessons(path: Path, fields: Sequence[str] = ("dialogue", "summary")) -> list[Row]:
    """Read rows with these text fields from JSON Lines.

    Raises DataMissing if there are no rows, and UsageError that names the first row without a field or with a repeated
    id.
    """
    rows = list(read_rows(path))
    if not rows:
        raise DataMissing(f"{path} has no rows")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        for field in fields:
            if not isinstance(row.get(field), str) or not row[field].strip():
                raise lacks(f"{path}, row {number}", field, row)
        name = str(row.get("id", ""))
        if name and name in seen:
            raise UsageError(f"{path}, row {number}: the id {name!r} is already used in an earlier row")
        seen.add(name)
    return rows


def rated_rows(store: Store) -> list[Row]:
    """Return the exact prompts and answers that the user rated good: thumbs up, and the best of each ranking. Raises
    DataMissing if there are none.
    """
    good = {rating.completion for rating in store.judgements.ratings() if rating.thumb == "up"}
    bad = {rating.completion for rating in store.judgements.ratings() if rating.thumb == "down"}
    for ranking in store.judgements.rankings():
        if len(ranking.groups) > 1 or ranking.failed:
            good.update(ranking.groups[0] if ranking.groups else ())
        bad.update(ranking.failed)
    found = store.completions.named(good - bad)
    rows = [
        {"id": one.id, "prompt": one.prompt, "dialogue": one.prompt, "summary": one.answer}
        for one in sorted(found.values(), key=lambda completion: completion.created)
        # An answer in parts has several prompts, none of which led to the whole answer.
        if one.answer.strip() and "\f" not in one.prompt and not one.rationale
    ]
    if not rows:
        raise DataMissing("no answer is rated good yet: rate some with + in the chat, or give --data FILE")
    return rows


def part(rows: Sequence[Row], dev: Sequence[Row] | None, share: float, at_most: int, seed: int) -> Parted:
    """Split the rows by conversation, ignoring differences in case and whitespace. Held out are `dev` or, without it, a
    share of the conversations, at most `at_most`.

    Raises DataMissing if either side is empty.
    """
    if dev is None:
        names = sorted({_key(row) for row in rows})
        count = min(at_most, max(1, round(share * len(names))))
        chosen = set(random.Random(f"{seed}/held out").sample(names, min(count, len(names))))
        train = [row for row in rows if _key(row) not in chosen]
        held_out, leaked = [row for row in rows if _key(row) in chosen], 0
    else:
        known = {_key(row) for row in dev}
        train = [row for row in rows if _key(row) not in known]
        held_out, leaked = list(dev), len(rows) - len(train)
    if not train:
        raise DataMissing(f"no conversation is left to learn from: {len(rows)} rows, all held out")
    if not held_out:
        raise DataMissing("no conversation is held out: give --dev FILE with some")
    return Parted(train, held_out, leaked)


def lesson_of(row: Row, task: Task, phrasing: str | None) -> Lesson:
    """Turn a row into a lesson, with the assistant's prompt unless the row has its own."""
    if "prompt" in row:
        return Lesson(row["prompt"], row["summary"], row["dialogue"])
    return Lesson(_prompt(row["dialogue"], "zero-shot", task, phrasing), row["summary"], row["dialogue"], task)


def phrased(rows: Sequence[Row], task: Task, every: bool, seed: int) -> list[Lesson]:
    """Turn rows into lessons, with a random wording each if `every`, else the default. A row with a `rationale` also
    becomes a chain-of-thought lesson, whose target is the rationale followed by the answer.
    """
    names = [phrasing.name for phrasing in TASKS[task].phrasings]
    rng = random.Random(f"{seed}/phrasings")
    lessons = []
    for row in rows:
        chosen = rng.choice(names) if every else None
        lessons.append(lesson_of(row, task, chosen))
        if isinstance(row.get("rationale"), str) and row["rationale"].strip():
            marker = reasoning_marker().format(noun=TASKS[task].noun)
            source = _prompt(row["dialogue"], "chain-of-thought", task, chosen)
            lessons.append(Lesson(source, f"{row['rationale'].strip()} {marker} {row['summary']}", row["dialogue"]))
    return lessons


def other_tasks(path: Path) -> list[Lesson]:
    """Read lessons of another task: "input" and "target", or "dialogue" and "summary" in the default wording."""
    first = next(iter(read_rows(path)), {})
    if "input" in first:
        return [Lesson(row["input"], row["target"]) for row in read_lessons(path, ("input", "target"))]
    return [lesson_of(row, "summary", None) for row in read_lessons(path)]


def reasoning(path: Path) -> list[Lesson]:
    """Read questions whose targets are a rationale and the answer."""
    rows = read_lessons(path, ("question", "rationale", "answer"))
    return [Lesson(_REASON.format(**row), _CONCLUDE.format(**row)) for row in rows]


def mixed(own: Sequence[Lesson], others: Sequence[tuple[Sequence[Lesson], float]], seed: int) -> list[Lesson]:
    """Add a sample of each other set to the lessons, so that it makes up its share of the mixture. Raises UsageError if
    the shares add up to 1 or more.
    """
    rest = 1.0 - sum(share for _, share in others)
    if not rest > 0:
        raise UsageError("replay_share and rationale_share leave nothing of the mixture: lower them")
    rng = random.Random(f"{seed}/mixture")
    found = list(own)
    for lessons, share in others:
        count = min(len(lessons), round(share / rest * len(own)))
        found += rng.sample(list(lessons), count)
    return found


def _prompt(dialogue: str, mode: str, task: Task, phrasing: str | None) -> str:
    assert mode in MODES
    return render(
        dialogue, mode=mode, task=task, phrasing=phrasing, budget=_NO_BUDGET, count_tokens=lambda text: 0
    ).text


def _key(row: Row) -> str:
    return conversation_key(row["dialogue"])
