"""The gate: turns measurements of a candidate into checks, a verdict, and promotion.json.

A check that could not be measured neither passes nor fails, unless it is required: the judge, the win rate and, with
few pairs, the blind trial.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from assistant.errors import DataMissing
from assistant.files import write_atomically
from assistant.models.proof import PROMOTION, TRIAL, Trial
from training.rlhf.config import GateLimits
from training.rlhf.win_rate import WinRate

NOT_MEASURED = "not measured"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check of the gate. `ci` is the 95 % interval. `rule` says in words how `value` or its interval must compare
    with `limit`. `passed` is None if nothing was measured and the check is not required.
    """

    name: str
    value: float | str = NOT_MEASURED
    ci: tuple[float, float] | None = None
    limit: float | None = None
    passed: bool | None = None
    rule: str = ""
    advice: str = ""


class Difference(msgspec.Struct, frozen=True):
    """A figure of both models on the same `n` conversations. `value` is candidate minus current, `ci` its 95 %
    interval.
    """

    current: float
    candidate: float
    value: float
    ci: tuple[float, float]
    n: int


class Sides(msgspec.Struct, frozen=True):
    """A mean over the answers of each model."""

    current: float
    candidate: float


class Sample(msgspec.Struct, frozen=True):
    """Both models' answers to a prompt. `gain` is how much higher the judge scores the candidate's answer."""

    prompt: str
    current: str
    candidate: str
    gain: float


class GateFound(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's verdict on a candidate, with its evidence. `against` is the model that the candidate would replace."""

    passed: bool
    against: str
    checks: list[Check]
    conversations: int
    judge: Sides
    words: Sides
    wins: WinRate | None
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class Measured:
    """The gate's input; None for what could not be measured. Rates are 0 to 1, `kl` is in nats per response,
    `forgetting` in nats per token.
    """

    wins: WinRate | None
    conversations: int
    judge_accuracy: float | None
    rouge1: Difference | None
    unsupported: Difference | None
    toxicity: Difference | None
    toxicity_sampled: Difference | None
    kl: float | None
    forgetting: Difference | None
    judge_ci: tuple[float, float] | None = None


def checks(
    measured: Measured, limits: GateLimits, max_kl: float, pairs: int, trial: Trial | None, skip_trial: bool
) -> list[Check]:
    """Return all checks in display order. `max_kl` is in nats per response; `pairs` is the number of rated pairs."""
    found = [
        _judge(measured.judge_accuracy, measured.judge_ci),
        *_wins(measured, limits),
        _no_worse("ROUGE-1", measured.rouge1, -limits.max_rouge_loss, higher_is_better=True),
        _no_worse("unsupported names and numbers", measured.unsupported, 0.0, higher_is_better=False),
        _no_worse("toxicity, greedy", measured.toxicity, 0.0, higher_is_better=False),
        _no_worse("toxicity, sampled", measured.toxicity_sampled, 0.0, higher_is_better=False),
        _kl(measured.kl, max_kl),
        _forgetting(measured.forgetting, limits.max_forgetting),
    ]
    if pairs < limits.trial_below:
        found.append(_trial(trial, limits, pairs, skip_trial))
    return found


def failing(found: Iterable[Check]) -> list[Check]:
    """Return the checks that failed."""
    return [check for check in found if check.passed is False]


def _judge(accuracy: float | None, ci: tuple[float, float] | None) -> Check:
    """Check the judge: the win rate means nothing if the judge does not agree with people."""
    rule = "agrees with people on held-out pairs more often than a coin"
    if accuracy is None:
        return Check(name="the judge itself", limit=0.5, passed=False, rule=rule, advice="rate more answers")
    return Check(
        name="the judge itself",
        value=accuracy,
        ci=ci,
        limit=0.5,
        passed=accuracy > 0.5,
        rule=rule,
        advice="rate more answers: the judge learns from a part of them",
    )


def _wins(measured: Measured, limits: GateLimits) -> list[Check]:
    wins = measured.wins
    least = limits.min_conversations
    rule = f"lower bound above {limits.min_win_rate:.0%} on at least {least} unrated conversations, ties apart"
    advice = "rate more answers, or give it more steps"
    if wins is None or wins.value is None or wins.ci is None or measured.conversations < least:
        why = "both models answer alike" if wins is not None else "no judge, or too few conversations"
        win = Check(name="win rate", limit=limits.min_win_rate, passed=False, rule=rule, advice=f"{why}: {advice}")
        return [win, Check(name="win rate at equal length", rule="needs the win rate")]
    passed = wins.ci[0] > limits.min_win_rate
    win = Check(
        name="win rate",
        value=wins.value,
        ci=wins.ci,
        limit=limits.min_win_rate,
        passed=passed,
        rule=rule,
        advice=advice,
    )
    return [win, _equal_length(wins, limits)]


def _equal_length(wins: WinRate, limits: GateLimits) -> Check:
    grew = wins.length_ratio > limits.max_growth
    asked = f"answers have {wins.length_ratio:.2f} times the words: "
    rule = f"lower bound above {limits.min_win_rate:.0%}" if grew else f"asked for above {limits.max_growth:g} only"
    found = wins.ci_at_equal_length
    return Check(
        name="win rate at equal length",
        value=NOT_MEASURED if wins.at_equal_length is None else wins.at_equal_length,
        ci=found,
        limit=limits.min_win_rate,
        passed=not grew or (found is not None and found[0] > limits.min_win_rate),
        rule=asked + rule,
        advice="the answers win by being longer: rank short good answers above long ones",
    )


def _no_worse(name: str, found: Difference | None, margin: float, *, higher_is_better: bool) -> Check:
    """With a margin, the lower bound of the difference must be above it. With a margin of 0, the interval must not lie
    wholly on the bad side of 0.
    """
    if margin:
        rule = f"candidate less current: lower bound above {margin:g}"
        passed = found is not None and found.ci[0] > margin
    else:
        rule = "candidate less current: no worse beyond its interval"
        passed = found is not None and (found.ci[1] >= 0 if higher_is_better else found.ci[0] <= 0)
    if found is None:
        return Check(name=name, limit=margin, rule=rule)
    advice = "raise kl_coefficient, or the weight of what got worse"
    return Check(name=name, value=found.value, ci=found.ci, limit=margin, passed=passed, rule=rule, advice=advice)


def _kl(value: float | None, limit: float) -> Check:
    rule = "nats a response from the current model, at most"
    if value is None:
        return Check(name="KL", limit=limit, rule=rule)
    advice = "raise kl_coefficient, or lower learning_rate or max_steps"
    return Check(name="KL", value=value, limit=limit, passed=value <= limit, rule=rule, advice=advice)


def _forgetting(found: Difference | None, limit: float) -> Check:
    rule = "nats a token lost on texts of other tasks: upper bound below"
    if found is None:
        return Check(name="forgetting", limit=limit, rule=rule)
    passed = found.ci[1] < limit
    advice = "raise kl_coefficient, or lower max_steps"
    return Check(
        name="forgetting", value=found.value, ci=found.ci, limit=limit, passed=passed, rule=rule, advice=advice
    )


def _trial(trial: Trial | None, limits: GateLimits, pairs: int, skip: bool) -> Check:
    rule = f"with {pairs} pairs people must prefer it blind, in at least {limits.trial_answers} decided comparisons"
    if skip:
        return Check(name="blind trial", rule=f"{rule}; left out as asked (--skip trial)")
    decided = trial.wins + trial.losses if trial else 0
    passed = trial is not None and decided >= limits.trial_answers and trial.wins > trial.losses
    return Check(
        name="blind trial",
        value=trial.wins / decided if trial and decided else NOT_MEASURED,
        limit=0.5,
        passed=passed,
        rule=rule,
        advice="run `assistant models trial {version}`, then `assistant-train rlhf --resume`; or --skip trial",
    )


def advise(found: Sequence[Check], version: str) -> str:
    """Return a message that names the failed checks and what to try."""
    first = failing(found)[0]
    others = ", ".join(check.name for check in failing(found)[1:])
    figure = f" {first.value:.3g}" if isinstance(first.value, float) else f" {first.value}"
    bounds = f" [{first.ci[0]:.3g}, {first.ci[1]:.3g}]" if first.ci else ""
    also = f"; also {others}" if others else ""
    advice = first.advice.format(version=version)
    return f"{version} was not promoted: {first.name}{figure}{bounds} ({first.rule}){also}. Try: {advice}"


def write_promotion(folder: Path, document: Mapping[str, Any]) -> None:
    """Write promotion.json beside the version's weights: the document, with checksums of the version's files."""
    content = {**document, "checksums": checksums(folder)}
    write_atomically(folder / PROMOTION, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a version by relative path, except files that change after registration.
    Raises DataMissing if there is no such folder.
    """
    if not folder.is_dir():
        raise DataMissing(f"no version at {folder}")
    late = {PROMOTION, TRIAL, "version.json"}
    return {
        str(path.relative_to(folder)): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in late
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
