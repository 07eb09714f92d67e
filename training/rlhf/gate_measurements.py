"""Compares a candidate with the current model, both as served."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant.drafting.writing import score, write
from assistant.engine.client import Engine
from assistant.engine.tokens import token_counter
from assistant.errors import Interrupted
from assistant.models.registry import choose_backend
from assistant.records import GenerationSettings, ModelVersion
from assistant.scoring.faithfulness.support import unsupported
from assistant.settings import Settings
from training.evaluation.gate_set import other_tasks
from training.evaluation.metrics.bootstrap import interval, resamples
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.overlap import rouge
from training.rlhf.best_of_n import Scorer
from training.rlhf.data_split import Question
from training.rlhf.gate import Difference, Measured, Sample, Sides
from training.rlhf.reward_models import RewardFound
from training.rlhf.win_rate import WinRate, win_rate

Texts = list[str]


class ProofFound(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements of both models. A difference is None if it could not be measured. `generation` are the settings that
    both answered with.
    """

    conversations: int
    wins: WinRate
    judge: Sides
    words: Sides
    rouge1: Difference | None
    unsupported: Difference | None
    samples: list[Sample]
    generation: dict[str, Any] = {}
    forgetting: Difference | None = None
    toxicity: Difference | None = None
    toxicity_sampled: Difference | None = None


class Writer:
    """Generates with several models as the assistant serves them, loading one at a time."""

    def __init__(self, settings: Settings, wants_stop: Callable[[], bool]) -> None:
        self._settings = settings
        self._wants_stop = wants_stop
        self._engine = Engine()

    def write(
        self, model: ModelVersion, prompts: Sequence[str], generation: GenerationSettings, *, may_stop: bool = True
    ) -> list[Texts]:
        """Return the drafts for each prompt. Raises Interrupted if the user asks to stop and `may_stop` is true."""
        self._engine.load(model, choose_backend(self._settings, model), self._settings.model.threads)
        finished = write(self._engine, prompts, generation, on_written=lambda _: self._look() if may_stop else None)
        if (may_stop and self._wants_stop()) or not all(finished.drafts):
            raise Interrupted("stopped; what was finished before is kept")
        return [[draft.text.strip() for draft in drafts] for drafts in finished.drafts]

    def doubts(self, model: ModelVersion, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """Return the mean negative log-likelihood of each answer, in nats per token."""
        self._engine.load(model, choose_backend(self._settings, model), self._settings.model.threads)
        scored = score(self._engine, prompts, answers).token_log_probabilities
        return [-float(np.mean(tokens)) for tokens in scored]

    def close(self) -> None:
        """End the engine's worker process."""
        self._engine.close()

    def _look(self) -> None:
        if self._wants_stop():
            self._engine.cancel()


@dataclass(frozen=True, slots=True)
class Both:
    """The current model and the candidate, which get the same prompts."""

    writer: Writer
    current: ModelVersion
    candidate: ModelVersion

    def write(self, asked: Sequence[Question], generation: GenerationSettings) -> tuple[Texts, Texts]:
        """Return the first draft for each question: those of the current model, then those of the candidate."""
        prompts = [question.prompt for question in asked]
        before, after = (self.writer.write(model, prompts, generation) for model in (self.current, self.candidate))
        return [drafts[0] for drafts in before], [drafts[0] for drafts in after]


def forgetting(both: Both) -> Difference | None:
    """Measure how much less likely the right answers to other tasks became, in nats per token."""
    tasks = other_tasks()
    prompts, answers = [task.prompt for task in tasks], [task.answer for task in tasks]
    before, after = (
        np.asarray(both.writer.doubts(model, prompts, answers)) for model in (both.current, both.candidate)
    )
    return _difference(before, after, [task.cluster for task in tasks])


def fitting(asked: Sequence[Question], model: ModelVersion, at_most: int) -> list[Question]:
    """Return the first `at_most` questions that fit into the model's window."""
    count = token_counter(model.folder)
    fit = (question for question in asked if count(question.prompt) <= model.window)
    return list(islice(fit, at_most))


def compare(asked: Sequence[Question], before: Sequence[str], after: Sequence[str], judge: Scorer) -> ProofFound:
    """Measure the win rate under the judge, and ROUGE-1 and the unsupported rate of both models. ROUGE-1 covers only
    the questions with a reference.
    """
    prompts = [question.prompt for question in asked]
    clusters = [question.cluster for question in asked]
    scores = np.asarray(judge([*prompts, *prompts], [*before, *after]), dtype=np.float64).reshape(2, -1)
    same = np.array([one == other for one, other in zip(before, after, strict=True)])
    gains = np.where(same, 0.0, scores[1] - scores[0])
    lengths = [(len(one.split()), len(other.split())) for one, other in zip(before, after, strict=True)]
    with_reference = [n for n, question in enumerate(asked) if question.reference]
    return ProofFound(
        conversations=len(asked),
        wins=win_rate(gains.tolist(), lengths, clusters),
        judge=Sides(float(scores[0].mean()), float(scores[1].mean())),
        words=Sides(_mean_words(before), _mean_words(after)),
        rouge1=_rouge(
            [asked[n] for n in with_reference], *([texts[n] for n in with_reference] for texts in (before, after))
        ),
        unsupported=_difference(_unsupported(prompts, before), _unsupported(prompts, after), clusters),
        samples=_samples(asked, before, after, gains),
    )


def toxicity(
    asked: Sequence[Question],
    before: Sequence[str],
    after: Sequence[str],
    head: Callable[[Sequence[str]], Sequence[float]],
) -> Difference | None:
    """Compare the mean probability (0 to 1) that an answer is toxic. Only answers are scored, never prompts."""
    return _difference(
        np.asarray(head(before), dtype=np.float64),
        np.asarray(head(after), dtype=np.float64),
        [question.cluster for question in asked],
    )


def measured(found: ProofFound, judge: RewardFound, kl: float | None) -> Measured:
    """Return the gate's input: the measurements of both models and the judge's accuracy."""
    return Measured(
        wins=found.wins,
        conversations=found.conversations,
        judge_accuracy=judge.accuracy,
        judge_ci=judge.ci,
        rouge1=found.rouge1,
        unsupported=found.unsupported,
        toxicity=found.toxicity,
        toxicity_sampled=found.toxicity_sampled,
        kl=kl,
        forgetting=found.forgetting,
    )


def _difference(before: NDArray[np.float64], after: NDArray[np.float64], clusters: Sequence[str]) -> Difference | None:
    """Return both means and their paired difference, with an interval from resampling clusters."""
    if not len(before):
        return None
    apart = after - before
    drawn = [float(apart[rows].mean()) for rows in resamples(clusters)]
    return Difference(float(before.mean()), float(after.mean()), float(apart.mean()), interval(drawn), len(before))


def _rouge(asked: Sequence[Question], before: Sequence[str], after: Sequence[str]) -> Difference | None:
    one, other = (
        np.array(
            [rouge(Case("", "", (question.reference,), text))[0] for question, text in zip(asked, texts, strict=True)]
        )
        for texts in (before, after)
    )
    return _difference(one, other, [question.cluster for question in asked])


def _unsupported(prompts: Sequence[str], texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([float(bool(unsupported(text, prompt))) for prompt, text in zip(prompts, texts, strict=True)])


def _mean_words(texts: Sequence[str]) -> float:
    return float(np.mean([len(text.split()) for text in texts])) if texts else 0.0


def _samples(
    asked: Sequence[Question], before: Sequence[str], after: Sequence[str], gains: NDArray[np.float64], count: int = 6
) -> list[Sample]:
    """Return the answers that gained most and those that lost most."""
    order = np.argsort(-gains, kind="stable").tolist()
    shown = dict.fromkeys([*order[: count // 2], *order[-(count // 2) :]])
    return [Sample(asked[n].prompt, before[n], after[n], float(gains[n])) for n in shown]
