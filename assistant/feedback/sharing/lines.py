"""The lines of preference files: their shapes, and conversion to records. Pure: knows no store and no files.

Every shape may say who judged, with what confidence and why. Ids are hashes of a line's content, so that a line read
twice is the same judgement. Unknown keys are ignored: other tools add columns.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from assistant.errors import UsageError
from assistant.feedback.database import now
from assistant.feedback.judgements import check_judgement
from assistant.feedback.marks import Mark
from assistant.records import Completion, GenerationSettings, Prompt, Ranking, Rating, Tombstone

IMPORTED = "imported"
RenderDialogue = Callable[[str], Prompt]
Content = Completion | Rating | Ranking | Mark | Tombstone

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SPEAKER = re.compile(r"\n *[^\W\d]\w*:")
_SURENESS = {"low": 1 / 3, "medium": 2 / 3, "high": 1.0}


class _Line(msgspec.Struct, kw_only=True):
    """The keys that any line with a judgement may have."""

    prompt: str | None = None
    dialogue: str | None = None
    rater: str | None = None
    confidence: float | str | None = None
    reasons: list[str] | str | None = None
    comment: str | None = None
    guideline: str | None = None
    created: str | None = None
    weight: float | None = None
    sources: list[str] | None = None
    mode: str | None = None
    task: str | None = None
    prompt_version: str | None = None


class PairLine(_Line, kw_only=True):
    """{"prompt" | "dialogue", "chosen", "rejected"}: TRL's explicit-prompt preference format."""

    chosen: str
    rejected: str
    chosen_id: str | None = None
    rejected_id: str | None = None
    chosen_model: str | None = None
    rejected_model: str | None = None


class RankingLine(_Line, kw_only=True):
    """{"prompt" | "dialogue", "ranking": [[text, …], …], "fail": [text, …]}, best first, ties inside a list."""

    ranking: list[list[str] | str]
    fail: list[str] = []

    def groups(self) -> list[list[str]]:
        """Return the ranking with every entry as a list: a bare text is a list of one."""
        return [[group] if isinstance(group, str) else group for group in self.ranking]


class LabelLine(_Line, kw_only=True):
    """{"prompt" | "dialogue", "completion", "label"}: TRL's unpaired preference format."""

    completion: str
    label: bool
    completion_id: str | None = None
    model: str | None = None


_RAW: dict[str, Any] = {"completion": Completion, "rating": Rating, "ranking": Ranking}
_RAW |= {"mark": Mark, "deleted": Tombstone}
_KIND: dict[type, str] = {record: kind for kind, record in _RAW.items()}
_SHAPES: tuple[tuple[str, type[PairLine | RankingLine | LabelLine]], ...] = (
    ("chosen", PairLine),
    ("ranking", RankingLine),
    ("label", LabelLine),
)


def said(messages: Sequence[Any]) -> str:
    """Return the text of chat messages: the content of a single one, else each with its speaker."""
    found = [message for message in messages if isinstance(message, dict)]
    if len(found) == 1:
        return str(found[0].get("content", ""))
    return "\n".join(f"{str(one.get('role', '')).capitalize()}: {one.get('content', '')}" for one in found)


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Turn a row of TRL's formats into plain texts: chat messages become text, and a prompt shared by both answers, if
    no column has it, is split off.
    """
    if "prompt" not in row and "dialogue" not in row and {"chosen", "rejected"} <= row.keys():
        row = {**row, **_shared_prompt(row["chosen"], row["rejected"])}
    texts = {key: said(row[key]) for key in ("prompt", "chosen", "rejected", "completion") if _is_chat(row.get(key))}
    return {**row, **texts}


def _shared_prompt(chosen: Any, rejected: Any) -> dict[str, Any]:
    """Split off TRL's implicit prompt: the messages that both start with, or in texts the complete turns up to the
    speaker who answers. Words that two answers happen to share at the start are no prompt.
    """
    if not isinstance(chosen, list | str) or type(chosen) is not type(rejected):
        return {}
    shortest = min(len(chosen), len(rejected))
    length = next((n for n in range(shortest) if chosen[n] != rejected[n]), shortest)
    if isinstance(chosen, str):
        length = max((turn.end() for turn in _SPEAKER.finditer(chosen[:length])), default=0)
    if not length:
        return {}
    return {"prompt": chosen[:length], "chosen": chosen[length:], "rejected": rejected[length:]}


def _is_chat(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(one, dict) and isinstance(one.get("content"), str) for one in value)


def raw_line(content: Content) -> dict[str, Any]:
    """Return a record as a line that `read_line` turns back into the same record."""
    found: dict[str, Any] = {"kind": _KIND[type(content)], **msgspec.to_builtins(content)}
    return found


def read_line(text: bytes, rater: str, render: RenderDialogue | None) -> list[Content]:
    """Return the records of a line: the answers first, then the judgement.

    `rater` is used if the line names none, `render` makes the prompt of a dialogue. Raises UsageError with the problem.
    """
    try:
        read = msgspec.json.decode(text)
        if not isinstance(read, dict):
            raise UsageError("a line must be a JSON object")
        if "kind" in read:
            return [_read_raw(read)]
        read = plain(read)
        for key, shape in _SHAPES:
            if key in read:
                return _Reading(msgspec.convert(read, shape), rater, render).records()
    except (ValueError, RecursionError) as error:
        raise UsageError(str(error)) from error
    raise UsageError("needs chosen and rejected, or a ranking, or a completion with a label")


def _read_raw(read: dict[str, Any]) -> Content:
    kind = read.pop("kind")
    if kind not in _RAW:
        raise UsageError(f"unknown kind {kind!r}; there are {', '.join(_RAW)}")
    content: Content = msgspec.convert(read, _RAW[kind])
    _check_id(content.id)
    if isinstance(content, Rating | Ranking | Mark):
        check_judgement(content)
    return content


class _Reading:
    """Converts one line to records."""

    def __init__(self, line: PairLine | RankingLine | LabelLine, rater: str, render: RenderDialogue | None) -> None:
        self._line = line
        self._rater = rater
        self._prompt, self._mode, self._task, self._version = _prompt_of(line, render)
        self._answers: list[Completion] = []
        self._times: Counter[str] = Counter()

    def records(self) -> list[Content]:
        line = self._line
        said = said_in(line, self._rater)
        judgement: Rating | Ranking
        if isinstance(line, LabelLine):
            completion = self._answer(line.completion, line.completion_id, line.model)
            thumb: Literal["up", "down"] = "up" if line.label else "down"
            judgement = Rating(completion=completion, thumb=thumb, **said)
        elif isinstance(line, PairLine):
            chosen = self._answer(line.chosen, line.chosen_id, line.chosen_model)
            rejected = self._answer(line.rejected, line.rejected_id, line.rejected_model)
            judgement = Ranking(groups=((chosen,), (rejected,)), **said)
        else:
            groups = tuple(tuple(self._answer(text) for text in group) for group in line.groups() if group)
            failed = tuple(self._answer(text) for text in line.fail)
            judgement = Ranking(groups=groups, failed=failed, **said)
        check_judgement(judgement)
        return [*self._answers, judgement]

    def _answer(self, text: str, id: str | None = None, model: str | None = None) -> str:
        """Add an answer and return its id. The same text twice in a line makes two answers, as it did when judged."""
        self._times[text] += 1
        if id:
            _check_id(id)
        answer = Completion(
            id=id or _hash(self._prompt, text, model or "", self._times[text]),
            created=_time(self._line.created),
            prompt=self._prompt,
            mode=self._mode,
            task=self._task,
            prompt_version=self._version,
            model=model or IMPORTED,
            backend="transformers",
            backend_version="",
            settings=GenerationSettings(),
            answer=text,
        )
        self._answers.append(answer)
        return answer.id


def said_in(line: _Line, rater: str) -> dict[str, Any]:
    """Return the fields shared by ratings and rankings; `rater` is used if the line names none."""
    confidence = _confidence(line.confidence)
    weight = 1.0 if line.weight is None else line.weight
    if weight < 0:
        raise UsageError("weight must be 0 or more")
    reasons = [line.reasons] if isinstance(line.reasons, str) else line.reasons or []
    return {
        "id": _hash(msgspec.structs.asdict(line) | {"rater": line.rater or rater}),
        "created": _time(line.created),
        "rater": line.rater or rater,
        "reasons": tuple(reasons),
        "comment": line.comment or "",
        "confidence": confidence,
        "guideline": line.guideline or "",
        # A line's weight includes the confidence.
        "weight": weight / confidence if line.weight is not None and confidence else weight,
        "origin": tuple(line.sources or ()),
    }


def _prompt_of(line: _Line, render: RenderDialogue | None) -> tuple[str, str, str, str]:
    """Return the prompt, mode, task and prompt version of a line."""
    if line.prompt:
        return line.prompt, line.mode or IMPORTED, line.task or "summary", line.prompt_version or ""
    if not line.dialogue:
        raise UsageError("needs a prompt or a dialogue")
    if render is None:
        raise UsageError("has a dialogue, and nothing here can make a prompt of it: give the prompt")
    prompt = render(line.dialogue)
    return prompt.text, prompt.mode, prompt.task, prompt.version


def _check_id(id: str) -> None:
    if not _ID.fullmatch(id):
        raise UsageError("an id is 1 to 64 letters, digits, - or _")


def _time(said: str | None) -> str:
    """Return the time in a line in the store's format; now if it has none."""
    if not said:
        return now()
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        raise UsageError(f"created must be a time such as 2026-01-31T12:00:00+00:00, not {said!r}") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _confidence(said: float | str | None) -> float | None:
    if said is None:
        return None
    sureness = _SURENESS.get(said.strip().lower()) if isinstance(said, str) else float(said)
    if sureness is None or not 0 <= sureness <= 1:
        raise UsageError(f"confidence must be 0 to 1, or low, medium or high, not {said!r}")
    return sureness


def _hash(*content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
