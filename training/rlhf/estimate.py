"""Estimates what a run of the loop does and how long each stage takes."""

from dataclasses import dataclass

from assistant.records import ModelVersion
from training.rlhf.config import RlhfConfig
from training.rlhf.ratings import Rated
from training.runs.progress import duration

# Seconds on one core of a 2020s x86 at 2.5 GHz, for the 10.6 M parameters of the bundled model.
_RESPONSE = 0.15
"""A PPO response, sampled and learned from in two epochs."""
_PAIR_LEARNT, _LEARNT_ALONE = 0.06, 0.04
"""Learning from one pair, for the methods that learn from pairs; from one answer, for the others that don't sample."""
_OF_PAIRS = ("dpo", "ipo", "orpo", "simpo")
_DRAFT = 0.02
"""A sampled draft."""
_ANSWER = 0.045
"""An answer with four beams."""
_PARAMETERS = 10.6e6
_REWARD, _PAIR = 15.0, 0.05
"""Training a reward model: fixed cost, and cost per pair."""
_START, _VERSION = 20.0, 25.0
"""Loading and the baseline; merging, checking and converting the candidate."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages with their estimated seconds, and warnings."""

    steps: tuple[tuple[str, float], ...]
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Estimated seconds of all stages."""
        return sum(seconds for _, seconds in self.steps)

    def lines(self) -> list[str]:
        """Return the plan as lines of text."""
        shown = [f"about {duration(self.seconds)} in all"]
        shown += [f"  {number}. {what} ({duration(seconds)})" for number, (what, seconds) in enumerate(self.steps, 1)]
        return [*shown, *(f"  note: {warning}" for warning in self.warnings)]


def plan_of(rated: Rated, current: ModelVersion, config: RlhfConfig) -> Plan:
    """Estimate stages, times and warnings for these pairs and this model."""
    size = max(1.0, current.parameters / _PARAMETERS)
    reward, dev, judge = (len(rated.parts[part]) for part in ("reward", "dev", "judge"))
    asked = config.gate_conversations * 2 + config.provoking * 4
    judged = (config.max_steps // config.judge_every + 1) * config.judge_prompts if config.judge_every else 0
    steps = [
        (f"reward from {reward} pairs, proved on {dev}", _REWARD + reward * _PAIR),
        (f"judge from {judge} other pairs", _REWARD + judge * _PAIR),
        ("best of 4 drafts as the baseline", _START * size),
        (
            f"{config.method.upper()} on {current.ref}: {config.max_steps} steps of {config.batch_size} "
            f"{'pairs' if config.method in _OF_PAIRS else 'answers'}",
            (_learning(config) + judged * _ANSWER) * size,
        ),
        ("candidate: merged, checked, converted, registered", _VERSION * size),
        (
            f"gate: {config.gate_conversations} conversations and {config.provoking} provoking ones",
            asked * _ANSWER * size,
        ),
    ]
    return Plan(tuple(steps), tuple(_warnings(rated, current)))


def _learning(config: RlhfConfig) -> float:
    """Estimate the seconds of training for the bundled model."""
    learnt = config.max_steps * config.batch_size
    if config.is_paid:
        return learnt * _RESPONSE * (2 + config.epochs) / 4
    drafted = config.prompts * config.drafts * _DRAFT if config.method == "best-of-n" else 0.0
    return learnt * (_PAIR_LEARNT if config.method in _OF_PAIRS else _LEARNT_ALONE) + drafted


def _warnings(rated: Rated, current: ModelVersion) -> list[str]:
    found = []
    others = {model: count for model, count in rated.models.items() if model not in {current.ref, "imported"}}
    if others:
        said = ", ".join(f"{count} by {model}" for model, count in others.items())
        found.append(f"of the judged answers {said}, not by {current.ref}: the model changed since they were rated")
    share = rated.figures()["longer_chosen"]
    if share is not None and not 0.2 <= share <= 0.8:
        longer = "longer" if share > 0.5 else "shorter"
        found.append(f"the {longer} answer was chosen in {max(share, 1 - share):.0%} of the pairs: one-sided")
    return found
