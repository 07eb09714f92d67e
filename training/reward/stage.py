"""`assistant-train reward`: trains a reward from preferences. From summaries it makes a warm start, from labelled texts
the toxicity head.

The counted head is fitted first, in seconds. Then an encoder is tuned on the head's residual, and kept if it helps on
held-out conversations. Accuracy is reported beside simple baselines, such as length alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from assistant.errors import Interrupted, UsageError
from assistant.feedback.store import Store
from assistant.locations import rewards_dir
from assistant.scoring.coverage import coverage
from assistant.scoring.encoder import Encoder, convert, open_minilm
from assistant.scoring.heads import COLUMNS, Reward, RewardFacts, load_head, next_ref, write_reward
from assistant.scoring.kinds import kind_of
from training.evaluation.metrics.bootstrap import interval, resamples
from training.reward.bradley_terry import accuracy_of, calibration_error, fit_temperature, mean_loss
from training.reward.config import RewardConfig
from training.reward.feature_head import Counted, Table, fit_counted, margins_of
from training.reward.nearness import Drafted
from training.reward.preferences import Pair, Parts, Preferences, check_enough, preferences_of, read_preferences, split
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import read_rows, require_fields
from training.runs.job import Job
from training.runs.run import Run, StopRequested

Rows = NDArray[np.float64]
_SCALES = (0.0, 0.5, 1.0)
_DEAR = 0.005
"""Nats per pair by which the tuned encoder must lower the loss."""
_LITTLE_LEFT = 0.1
"""Cross-validated loss of the head, in nats per pair, below which no encoder is tried: about 97 % are then right."""
_ENOUGH = 60
"""Fewest training pairs for which `auto` tries an encoder."""
_MADE_FROM = 2500
"""Conversations for making a warm start, at most."""
_CURVE = (0.25, 0.5)
_SUMMARIES = ("dialogue", "summary")


@dataclass(frozen=True, slots=True)
class TrainedReward:
    """A trained reward: its name, folder and figures, and the pairs reserved for a judge."""

    ref: str
    folder: Path
    figures: dict[str, Any]
    judge: tuple[Pair, ...]


def run(job: Job[RewardConfig]) -> dict[str, Any]:
    """Run `assistant-train reward`. The fields of the first row decide what is made."""
    first = next(iter(read_rows(job.data[0])), {}) if job.data else {}
    if "chosen" not in first and "summary" in first:
        return _make_warm_start(job)
    if "label" in first and "text" in first:
        return _make_toxicity(job)
    preferences = read_preferences(job.data)
    if job.config.constitution:
        from training.reward.ai_feedback.stage import check_mixable

        agreement = check_mixable(preferences.pairs)
        preferences = read_preferences(job.data, constitution=True)
        preferences.report["agreement_of_constitution"] = agreement
    check_enough(preferences)
    held_out = read_preferences((job.dev,)).pairs if job.dev else ()
    with job.open_run() as opened:
        made = train_reward(job.config, preferences, opened, job.out, held_out, job.stop, job.report)
        if not job.data:
            with Store.open() as store:
                store.judgements.link_version(made.ref, _sources(preferences, made.judge))
        opened.finish(made.ref)
        return {"run": opened.name, "version": made.ref, "folder": str(made.folder), **made.figures}


def plan(job: Job[RewardConfig]) -> dict[str, Any]:
    """Return the counts of preferences, for `--dry-run`. Raises the errors that a run would."""
    if job.data and next(iter(read_rows(job.data[0])), {}).keys() & {"summary", "text"}:
        return {}
    preferences = read_preferences(job.data, job.config.constitution)
    check_enough(preferences)
    return {"preferences": {name: preferences.report[name] for name in ("pairs", "conversations", "singles")}}


def train_reward(
    config: RewardConfig,
    preferences: Preferences,
    run: Run,
    out: Path | None = None,
    held_out: Sequence[Pair] = (),
    stop: StopRequested | None = None,
    report: Callable[..., None] = lambda figures: None,
) -> TrainedReward:
    """Train a reward version. `held_out` pairs replace the dev part.

    Raises DataMissing if there are too few pairs, and Interrupted if the user stops the tuning of the encoder, which
    can be resumed.
    """
    check_enough(preferences)
    clock = time.monotonic()
    stop = stop or StopRequested()
    warm = None if config.warm_start == "none" else load_head(config.warm_start)
    parts = _parts(config, preferences, held_out)
    encoder = open_minilm()
    train = Table(parts.train, parts.singles, warm, encoder)
    dev = Table(parts.dev, (), warm, encoder)
    report({"step": 0, "fraction": 0.05, "pairs": float(train.count)})
    counted = fit_counted(train, config.seed)
    figures = _report(config, preferences, parts, train, dev, counted, encoder)
    tuned, scale, tuned_figures = _tune(config, parts, counted, margins_of(counted, dev), run, stop, report)
    figures |= tuned_figures
    if not scale and not held_out and parts.dev:
        # After measuring, train on the held-out conversations too, but never on those of the judge.
        everything = Table((*parts.train, *parts.dev), parts.singles, warm, encoder)
        counted = fit_counted(everything, config.seed)
    figures["seconds"] = round(time.monotonic() - clock, 1)
    ref = out.name if out else next_ref()
    folder = out or rewards_dir() / ref
    _write(folder, ref, config, preferences, parts.judge, counted, tuned if scale else None, scale, figures)
    run.log(int(figures["pairs"]["train"]), dev_accuracy=figures["accuracy"] if parts.dev else 0.5)
    return TrainedReward(ref, folder, figures, parts.judge)


def _parts(config: RewardConfig, preferences: Preferences, held_out: Sequence[Pair]) -> Parts:
    parts = split(preferences, config.judge_share, 0.0 if held_out else config.dev_share, config.seed)
    if held_out:
        parts = Parts(parts.train, tuple(held_out), parts.judge, parts.singles)
    if not parts.train:
        # With few conversations, all of them may fall into the other parts.
        everything = split(preferences, 0.0, 0.0, config.seed)
        parts = Parts(everything.train, parts.dev if held_out else (), (), everything.singles)
    return parts


def _report(
    config: RewardConfig,
    preferences: Preferences,
    parts: Parts,
    train: Table,
    dev: Table,
    counted: Counted,
    encoder: Encoder,
) -> dict[str, Any]:
    """Report data, accuracy, baselines, calibration and the learning curve.

    If no conversation is held out, the figures are those of cross-validation.
    """
    judged, margins = (dev, margins_of(counted, dev)) if dev.count else (train, counted.margins)
    found: dict[str, Any] = {
        "pairs": {
            "train": len(parts.train),
            "dev": len(parts.dev),
            "judge": len(parts.judge),
            "singles": len(parts.singles),
        },
        "data": preferences.report,
        "measured_on": "dev" if dev.count else "cross-validation",
        **_accuracy(margins, judged),
        **_baselines(train, judged, encoder),
        "prior": {"counted": counted.shape.counted, "vector": counted.shape.vector, "warm": counted.shape.warm},
        "cross_validation": float(accuracy_of(counted.margins).mean()),
        "method": "counted",
    }
    if config.curve and dev.count and train.count >= 40:
        found["curve"] = _curve(train, dev, counted, config.seed)
    return found


def _accuracy(margins: Rows, judged: Table) -> dict[str, Any]:
    right = accuracy_of(margins)
    clusters = judged.clusters[: judged.count]
    low, high = interval([float(right[places].mean()) for places in resamples(clusters)])
    return {
        "accuracy": float(right.mean()),
        "accuracy_ci": [low, high],
        "n": judged.count,
        "calibration_error": calibration_error(margins),
        "loss": mean_loss(margins, judged.weights[: judged.count]),
    }


def _baselines(train: Table, judged: Table, encoder: Encoder) -> dict[str, float]:
    """Return the accuracies of simple rules: length (longer or shorter, as in the training pairs), similarity to the
    conversation, coverage, and the warm start.
    """
    rule = 1.0 if float(accuracy_of(_longer(train)).mean()) >= 0.5 else -1.0
    found = {
        "length_baseline": float(accuracy_of(rule * _longer(judged)).mean()),
        "similarity_baseline": float(accuracy_of(_likeness(judged, encoder)).mean()),
        "coverage_baseline": float(accuracy_of(_covered(judged)).mean()),
    }
    if np.any(judged.warm_scores):
        found["warm_baseline"] = float(accuracy_of(judged.warm_margins()).mean())
    return found


def _longer(table: Table) -> Rows:
    return np.array([len(pair.chosen.split()) - len(pair.rejected.split()) for pair in table.pairs], dtype=np.float64)


def _covered(table: Table) -> Rows:
    found = [
        (coverage(pair.conversation, pair.chosen), coverage(pair.conversation, pair.rejected)) for pair in table.pairs
    ]
    return np.array([chosen - rejected for chosen, rejected in found], dtype=np.float64)


def _likeness(table: Table, encoder: Encoder) -> Rows:
    conversations = list(dict.fromkeys(pair.conversation for pair in table.pairs))
    vectors = dict(zip(conversations, encoder.embed(conversations), strict=True))
    answers = table.vectors[: 2 * table.count]
    return np.array(
        [
            float((answers[2 * place] - answers[2 * place + 1]) @ vectors[pair.conversation])
            for place, pair in enumerate(table.pairs)
        ]
    )


def _curve(train: Table, dev: Table, counted: Counted, seed: int) -> dict[str, Any]:
    """Return accuracy on the held-out pairs with parts of the training pairs, and the gain of the last doubling."""
    order = np.random.default_rng(seed).permutation(train.count)
    points = []
    for share in _CURVE:
        part = train.take(sorted(order[: int(share * train.count)].tolist()))
        points.append([part.count, float(accuracy_of(margins_of(fit_counted(part, seed), dev)).mean())])
    points.append([train.count, float(accuracy_of(margins_of(counted, dev)).mean())])
    return {"points": points, "last_doubling": points[-1][1] - points[-2][1]}


def _tune(
    config: RewardConfig,
    parts: Parts,
    counted: Counted,
    head_margins: Rows,
    run: Run,
    stop: StopRequested,
    report: Callable[..., None],
) -> tuple[Any, float, dict[str, Any]]:
    """Tune the encoder if the method asks for it. Return it, the scale of its score (0: do not use it), and figures."""
    left = mean_loss(counted.margins, np.array([pair.weight for pair in parts.train]))
    is_worth_it = len(parts.train) >= _ENOUGH and left > _LITTLE_LEFT
    if config.method == "counted" or (config.method == "auto" and not is_worth_it):
        return None, 0.0, {}
    # Imported late: trl and peft take ten seconds, and most runs do not need them.
    from training.reward.encoder import TunedEncoder

    tuned = TunedEncoder(config)
    last = tuned.train(parts.train, counted.margins, run, stop, report)
    if stop.requested:
        raise Interrupted(f"stopped and saved; continue with: assistant-train reward --resume {run.name}")
    if not parts.dev:
        return tuned, 1.0, {"method": "lora", "encoder": {"scale": 1.0, "cut": tuned.cut, **last}}
    scores = tuned.score([(pair.conversation, text) for pair in parts.dev for text in (pair.chosen, pair.rejected)])
    taught = np.array([kind_of(pair.conversation) not in counted.untaught for pair in parts.dev])
    own = np.where(taught, scores[::2] - scores[1::2], 0.0)
    weights = np.array([pair.weight for pair in parts.dev])
    scales = _SCALES[1:] if config.method == "lora" else _SCALES
    # A scale of 0 has a head start, because the encoder makes scoring 20 times as slow.
    scale = min(scales, key=lambda size: mean_loss(head_margins + size * own, weights) + (_DEAR if size else 0.0))
    margins = head_margins + scale * own
    right = accuracy_of(margins)
    low, high = interval([float(right[places].mean()) for places in resamples([pair.cluster for pair in parts.dev])])
    found: dict[str, Any] = {
        "encoder": {"scale": scale, "alone": float(accuracy_of(own).mean()), "cut": tuned.cut, **last},
        "counted_accuracy": float(accuracy_of(head_margins).mean()),
    }
    if scale:
        found |= {
            "method": "lora",
            "accuracy": float(right.mean()),
            "accuracy_ci": [low, high],
            "calibration_error": calibration_error(margins),
            "loss": mean_loss(margins, weights),
            "temperature_left": fit_temperature(margins, weights),
        }
    return tuned, scale, found


def _write(
    folder: Path,
    ref: str,
    config: RewardConfig,
    preferences: Preferences,
    judge: Sequence[Pair],
    counted: Counted,
    tuned: Any,
    scale: float,
    figures: dict[str, Any],
) -> None:
    tensors = counted.tensors()
    if tuned is not None:
        tensors |= tuned.export(folder, scale)
        convert(folder, folder / "ctranslate")
    facts = RewardFacts(
        ref=ref,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        method="lora" if tuned is not None else "counted",
        base=config.base,
        columns=COLUMNS,
        role_keys=counted.roles.keys,
        window=tuned.window if tuned is not None else 0,
        untaught=counted.untaught,
        warm=config.warm_start,
        data_hash=preferences.digest(),
        config=msgspec.to_builtins(config),
        figures=figures,
        sources=_sources(preferences, judge),
    )
    write_reward(folder, facts, tensors)


def _sources(preferences: Preferences, judge: Sequence[Pair]) -> tuple[str, ...]:
    """Return the ids of the judgements used for training, without those reserved for the judge."""
    kept = {pair.cluster for pair in judge}
    ids = [id for pair in preferences.pairs if pair.cluster not in kept for id in pair.sources]
    ids += [single.source for single in preferences.singles if single.cluster not in kept]
    return tuple(dict.fromkeys(ids))


def _make_warm_start(job: Job[RewardConfig]) -> dict[str, Any]:
    """Make a reward without human ratings, from rows of {"dialogue", "summary"}."""
    from training.reward import warm_start

    job.refuse_resume()
    texts: list[list[tuple[str, str]]] = []
    drafted: list[Drafted] = []
    for path in job.files:
        read = list(require_fields(read_rows(path), _SUMMARIES, path))
        texts.append([(row["dialogue"], row["summary"]) for row in read if not row.get("drafts")])
        drafted += [
            Drafted(row["dialogue"], (row["summary"],), tuple(row["drafts"])) for row in read if row.get("drafts")
        ]
    held_out = texts.pop() if job.dev else texts[-1][-100:]
    judged = {conversation_key(dialogue) for dialogue, _ in held_out}
    rows = [row for part in texts for row in part if conversation_key(row[0]) not in judged]
    drafted = [row for row in drafted if conversation_key(row.conversation) not in judged]
    order = np.random.default_rng(job.config.seed).permutation(len(rows))[:_MADE_FROM]
    with job.open_run() as opened:
        made = warm_start.build([rows[place] for place in order], held_out, job.config.seed, drafted)
        ref = job.out.name if job.out else next_ref()
        folder = job.out or rewards_dir() / ref
        facts = RewardFacts(
            ref=ref,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            method="made",
            base="",
            columns=COLUMNS,
            role_keys=made.roles.keys,
            data_hash=opened.manifest.data_hash,
            config=msgspec.to_builtins(job.config),
            figures=made.figures,
        )
        write_reward(folder, facts, made.tensors())
        warm_start.write_card(folder, len(order), len(drafted), made.figures)
        opened.finish(ref)
        return {"run": opened.name, "version": ref, "folder": str(folder), "ways": made.figures}


def _make_toxicity(job: Job[RewardConfig]) -> dict[str, Any]:
    """Train the toxicity head from rows of {"text", "label"}."""
    from training.reward.toxicity import train_toxicity

    job.refuse_resume()
    if job.out is None:
        raise UsageError("give an output folder: -o FOLDER")
    rows = [row for path in job.files for row in read_rows(path)]
    with job.open_run() as opened:
        figures = train_toxicity(rows, job.data[0], job.out, job.config.seed)
        opened.finish(str(job.out))
        return {"run": opened.name, "folder": str(job.out), "sources": figures}


__all__ = ["Reward", "TrainedReward", "preferences_of", "run", "train_reward"]
