"""Exports judgements to files for other tools and people, and imports them.

trl       one preference pair per line: prompt, chosen, rejected, and their origin
unpaired  one answer per line that was judged good or bad on its own: prompt, completion, label
raw       every judged answer and judgement with its history: the only lossless format
"""

import codecs
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.feedback.judgements import judged_by
from assistant.feedback.marks import Mark
from assistant.feedback.pairs import count_reasons, labels_from, pairs_from
from assistant.feedback.sharing.lines import IMPORTED, Content, RenderDialogue, raw_line, read_line
from assistant.feedback.sharing.redaction import Redaction
from assistant.feedback.store import Store
from assistant.records import Completion, Label, PreferencePair, Ranking, Rating, Tombstone

Format = Literal["trl", "unpaired", "raw"]
Judgements = Mapping[str, Rating | Ranking | Mark]

JUDGED = Rating | Ranking | Mark
_SHOWN_ERRORS = 5
_RecordType = TypeVar("_RecordType", Completion, Rating, Ranking, Mark)


class Export(msgspec.Struct, frozen=True):
    """JSON lines without line ends, and the number of judgements that the format cannot express, by reason."""

    lines: tuple[str, ...]
    left_out: dict[str, int]


class Imported(msgspec.Struct, frozen=True):
    """What was imported. `known` counts judgements that were already here, `deleted` those that were deleted here."""

    completions: int = 0
    ratings: int = 0
    rankings: int = 0
    marks: int = 0
    known: int = 0
    deleted: int = 0


def export(store: Store, format: Format, redact: bool = False) -> Export:
    """Export all judgements as lines of a format. `redact` removes names, e-mail addresses and phone numbers."""
    with store.database.one_moment():
        rankings, ratings, completions = store.judged()
        marks = store.judgements.marks(history=True)
        tombstones = store.judgements.tombstones()
    if redact:
        rankings, ratings, marks, completions = _redacted(rankings, ratings, marks, completions)
    answers = {completion.id: completion for completion in completions}
    everything: list[Rating | Ranking | Mark] = [*rankings, *ratings, *marks]
    judgements = {one.id: one for one in everything}
    left_out: dict[str, int] = {}
    lines: list[dict[str, Any]]
    if format == "trl":
        pairs, unpaired = pairs_from(rankings, ratings, completions, marks)
        lines = [_pair_line(pair, answers, judgements) for pair in pairs]
        left_out = count_reasons(unpaired)
    elif format == "unpaired":
        lines = [_label_line(label, answers, judgements) for label in labels_from(rankings, ratings, completions)]
        unlabelled = sum(not ranking.failed and not ranking.ended for ranking in rankings)
        left_out = {"ranking without a failed answer": unlabelled} if unlabelled else {}
    else:
        by_time = sorted(judgements.values(), key=lambda judgement: (judgement.created, judgement.id))
        lines = [raw_line(content) for content in [*completions, *by_time, *tombstones]]
    return Export(lines=tuple(msgspec.json.encode(line).decode() for line in lines), left_out=left_out)


def import_lines(store: Store, path: Path, *, rater: str = IMPORTED, render: RenderDialogue | None = None) -> Imported:
    """Import a file of any format above, or of rankings. A broken line stops the whole import.

    `rater` is used for lines that name none. `render` makes the prompt of a `dialogue`. What is already here stays
    unchanged, and what was deleted here stays deleted. Raises DataMissing if there is no such file, and UsageError with
    the broken lines.
    """
    intake = _read_file(path, rater, render)
    store.deletions.finish()  # it could not be restored next to imported records with the same ids
    with store.database.writing():
        plan = _Plan(store, [content for _, contents in intake for content in contents])
        broken = [f"line {number}: {problem}" for number, contents in intake if (problem := plan.add(contents))]
        if broken:
            raise _broken_lines(path, broken)
        return plan.carry_out()


def _read_file(path: Path, rater: str, render: RenderDialogue | None) -> list[tuple[int, list[Content]]]:
    """Return numbered lines as records; answers and tombstones come before the judgements that need them."""
    intake: list[tuple[int, list[Content]]] = []
    broken: list[str] = []
    for number, line in enumerate(_bytes_of(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            intake.append((number, read_line(line, rater, render)))
        except UsageError as error:
            broken.append(f"line {number}: {error}")
    if broken:
        raise _broken_lines(path, broken)
    if not intake:
        raise DataMissing(f"{path} holds no lines")
    return sorted(intake, key=lambda one: isinstance(one[1][0], JUDGED))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        raise DataMissing(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _broken_lines(path: Path, broken: Sequence[str]) -> UsageError:
    more = f"; and {len(broken) - _SHOWN_ERRORS} more" if len(broken) > _SHOWN_ERRORS else ""
    return UsageError(f"{path}: {'; '.join(broken[:_SHOWN_ERRORS])}{more}; nothing was imported")


class _Plan:
    """Collects what an import will add, and checks it against the store."""

    def __init__(self, store: Store, contents: Iterable[Content]) -> None:
        named = {content.id for content in contents if isinstance(content, Completion)}
        named |= {id for content in contents if isinstance(content, JUDGED) for id in judged_by(content)}
        self._store = store
        self._answers = store.completions.named(named)
        self._judged = {judgement.id for judgement in store.judgements.rankings(history=True)}
        self._judged |= {judgement.id for judgement in store.judgements.ratings(history=True)}
        self._judged |= {mark.id for mark in store.judgements.marks(history=True)}
        self._deleted = {stone.id for stone in store.judgements.tombstones()}
        self._completions: list[Completion] = []
        self._judgements: list[tuple[Rating | Ranking | Mark, bool]] = []
        self._tombstones: list[Tombstone] = []
        self._counts = {"known": 0, "deleted": 0}

    def add(self, contents: Sequence[Content]) -> str:
        """Add the records of a line. Returns the problem, empty if there is none."""
        judgement = contents[-1]
        if isinstance(judgement, Tombstone):
            self._tombstones.append(judgement)
            return ""
        if isinstance(judgement, JUDGED) and (outcome := self._met_before(judgement)):
            self._counts[outcome] += 1
            return ""
        for answer in contents:
            if isinstance(answer, Completion) and (problem := self._add_answer(answer)):
                return problem
        if isinstance(judgement, JUDGED):
            missing = [id for id in judged_by(judgement) if id not in self._answers]
            if missing:
                return f"judges the answer {missing[0]}, which is neither here nor in the file"
            self._judged.add(judgement.id)
            # Only raw records from a store know what superseded what; all other lines are independent.
            self._judgements.append((judgement, len(contents) == 1))
        return ""

    def carry_out(self) -> Imported:
        """Write everything."""
        self._store.completions.add(self._completions)
        for judgement, from_store in self._judgements:
            self._store.judgements.judge(judgement, supersede=from_store)
        self._store.judgements.add_tombstones(self._tombstones)
        count = Counter(type(judgement) for judgement, _ in self._judgements)
        return Imported(
            completions=len(self._completions),
            ratings=count[Rating],
            rankings=count[Ranking],
            marks=count[Mark],
            known=self._counts["known"],
            deleted=self._counts["deleted"],
        )

    def _met_before(self, judgement: Rating | Ranking | Mark) -> Literal["", "known", "deleted"]:
        ids = {judgement.id, *judgement.origin}
        if judgement.id in self._judged or (judgement.origin and ids - {judgement.id} <= self._judged):
            return "known"
        return "deleted" if self._deleted & (ids | set(judged_by(judgement))) else ""

    def _add_answer(self, answer: Completion) -> str:
        here = self._answers.get(answer.id)
        if here is None:
            if answer.id not in self._deleted:
                self._answers[answer.id] = answer
                self._completions.append(answer)
        elif (here.prompt, here.answer) != (answer.prompt, answer.answer):
            return f"the answer {answer.id} is here with another text"
        return ""


def _pair_line(pair: PreferencePair, answers: Mapping[str, Completion], judgements: Judgements) -> dict[str, Any]:
    both = [answers.get(id) for id in (pair.chosen_id, pair.rejected_id)]
    chosen, rejected = (one or next(filter(None, both)) for one in both)  # a digest without a point is not in the store
    line = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected, "weight": pair.weight}
    line |= {"compares": pair.compares, "chosen_id": pair.chosen_id, "rejected_id": pair.rejected_id}
    line |= {"chosen_model": chosen.model, "rejected_model": rejected.model}
    return line | _provenance(chosen, pair.raters, [judgements[id] for id in pair.sources])


def _label_line(label: Label, answers: Mapping[str, Completion], judgements: Judgements) -> dict[str, Any]:
    answer, judgement = answers[label.completion_id], judgements[label.source]
    line = {"prompt": label.prompt, "completion": label.completion, "label": label.label}
    line |= {"completion_id": answer.id, "model": answer.model}
    return line | _provenance(answer, (label.rater,), [judgement])


def _provenance(
    answer: Completion, raters: Sequence[str], sources: Sequence[Rating | Ranking | Mark]
) -> dict[str, Any]:
    """Return the origin of a line. For several judgements, the confidence is only in the weight."""
    return {
        "mode": answer.mode,
        "task": answer.task,
        "prompt_version": answer.prompt_version,
        "rater": ", ".join(raters),
        "confidence": sources[0].confidence if len(sources) == 1 else None,
        "reasons": list(dict.fromkeys(reason for source in sources for reason in source.reasons)),
        "comment": "\n".join(dict.fromkeys(source.comment for source in sources if source.comment)),
        "guideline": " ".join(dict.fromkeys(source.guideline for source in sources if source.guideline)),
        "created": max(source.created for source in sources),
        "sources": list(dict.fromkeys(id for source in sources for id in source.origin or (source.id,))),
    }


def _redacted(
    rankings: Sequence[Ranking], ratings: Sequence[Rating], marks: Sequence[Mark], completions: Sequence[Completion]
) -> tuple[list[Ranking], list[Rating], list[Mark], list[Completion]]:
    by_prompt = {prompt: Redaction(prompt) for prompt in {completion.prompt for completion in completions}}
    of_answer = {completion.id: by_prompt[completion.prompt] for completion in completions}
    names = sorted({judgement.rater for judgement in [*rankings, *ratings, *marks]})
    raters = {name: f"rater{number}" for number, name in enumerate(names, start=1)}

    def without_names(record: _RecordType, redact: Callable[[str], str]) -> _RecordType:
        if isinstance(record, Completion):
            texts = {name: redact(getattr(record, name)) for name in ("prompt", "answer", "rationale")}
            return msgspec.structs.replace(record, **texts)
        reasons = tuple(redact(reason) for reason in record.reasons)
        if isinstance(record, Mark):
            numbers = {redact(name): value for name, value in record.numbers.items()}  # one names the owner
            record = msgspec.structs.replace(record, text=redact(record.text), who=redact(record.who), numbers=numbers)
        return msgspec.structs.replace(
            record, rater=raters[record.rater], comment=redact(record.comment), reasons=reasons
        )

    return (
        [without_names(ranking, of_answer[ranking.completions[0]]) for ranking in rankings],
        [without_names(rating, of_answer[rating.completion]) for rating in ratings],
        [without_names(mark, of_answer[mark.completion]) for mark in marks],
        [without_names(completion, of_answer[completion.id]) for completion in completions],
    )
