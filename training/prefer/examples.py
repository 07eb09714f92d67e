"""Reads preferences as token ids: pairs, or single answers rated good or bad.

The input are pairs, rankings and thumbs, in TRL's formats or Parley's. Several judgements of the same two answers count
as one, as in `assistant.feedback.pairs`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing
from assistant.feedback.pairs import count_reasons, labels_from, pairs_from
from assistant.feedback.sharing.exchange import export
from assistant.feedback.store import Store
from assistant.locations import store_file
from assistant.prompts import hide, show
from assistant.records import Label, ModelVersion, PreferencePair
from training.ppo.prompts import PromptIds
from training.prefer.config import PreferConfig
from training.reward.preferences import CONSTITUTION, as_asked, read_judged
from training.runs.data.conversations import conversation_key


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with the chosen and the rejected answer, or with one answer rated good or bad, as token ids, EOS last.

    `weight` is the number of independent comparisons behind it.
    """

    prompt: PromptIds
    answers: tuple[Sequence[int], ...]
    good: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Preferred:
    """Pairs, and single rated answers that belong to no pair. `unpaired` counts judgements that made no pair, by
    reason.
    """

    pairs: tuple[PreferencePair, ...]
    labels: tuple[Label, ...] = ()
    unpaired: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Material:
    """Training examples, held-out examples, and the number of examples left out because they are too long."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    left_out: int

    def steps(self, config: PreferConfig) -> int:
        """Return the number of training steps."""
        return config.max_steps or math.ceil(config.epochs * len(self.train) / config.batch_size)


def read_preferred(files: Sequence[Path]) -> Preferred:
    """Read preferences from files. Raises DataMissing, and UsageError that names an invalid row."""
    rankings, ratings, completions, marks = read_judged(files)
    found, unpaired = pairs_from(rankings, ratings, completions, marks)
    pairs = [as_asked(pair) for pair in found]
    paired = {source for pair in pairs for source in pair.sources}
    labels = [label for label in labels_from(rankings, ratings, completions) if label.source not in paired]
    return Preferred(tuple(pairs), tuple(labels), count_reasons(unpaired))


def rated_rows() -> list[dict[str, Any]]:
    """Return the store's judgements as rows, without those by principles. Raises DataMissing if nothing was rated."""
    lines: tuple[str, ...] = ()
    if store_file().exists():
        with Store.open(read_only=True) as store:
            lines = export(store, "raw").lines
    if not lines:
        raise DataMissing("nothing was rated yet: rate answers in the app, or give --data FILE")
    rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in lines]
    return [row for row in rows if row.get("rater") != CONSTITUTION]


def sources_of(preferred: Preferred, config: PreferConfig) -> list[str]:
    """Return the ids of the judgements that the method learns from."""
    found = {source for pair in preferred.pairs for source in pair.sources}
    return sorted(found | {label.source for label in preferred.labels if config.method == "kto"})


def material_of(preferred: Preferred, dev: Preferred | None, base: ModelVersion, config: PreferConfig) -> Material:
    """Make training and held-out examples. The latter come from `dev` or, without it, from a share of the
    conversations. Raises DataMissing if nothing is left to learn from.
    """
    train, held_out = (preferred, dev) if dev else _parted(preferred, config)
    made = [_examples(part, base, config) for part in (train, held_out)]
    (learnt, left_out), (judged, too_long) = made
    if not learnt:
        raise DataMissing(_nothing_left(train, left_out, config))
    if config.method == "kto" and len({example.good for example in learnt}) < 2:
        raise DataMissing("kto needs both good and bad answers; all of these are of one kind")
    return Material(_balanced(learnt, config), _balanced(judged, config), left_out + too_long)


def _parted(preferred: Preferred, config: PreferConfig) -> tuple[Preferred, Preferred]:
    """Split by conversation. A hash chooses those to hold out, so that the order of the rows does not matter."""

    def drawn(conversation: str) -> bytes:
        return hashlib.blake2b(f"{config.seed}/{conversation}".encode(), digest_size=8).digest()

    asked = [pair.prompt for pair in preferred.pairs]
    asked += [label.prompt for label in preferred.labels] if config.method == "kto" else []
    order = sorted({conversation_key(prompt) for prompt in asked}, key=drawn)
    kept = set(order[: round(config.held_out * len(order)) if len(order) > 1 else 0])

    def part(held: bool) -> Preferred:
        return Preferred(
            tuple(pair for pair in preferred.pairs if (conversation_key(pair.prompt) in kept) == held),
            tuple(label for label in preferred.labels if (conversation_key(label.prompt) in kept) == held),
            preferred.unpaired,
        )

    return part(False), part(True)


def answered(pairs: Sequence[tuple[str, str]], base: ModelVersion, config: PreferConfig) -> Material:
    """Make examples that imitate one answer per prompt. Raises DataMissing if none fits."""
    found, left_out = _encoded([(prompt, (answer,), True, 1.0) for prompt, answer in pairs], base, config)
    if not found:
        raise DataMissing(_nothing_left(Preferred(()), left_out, config))
    return Material(tuple(found), (), left_out)


def mismatched(batch: Sequence[Example]) -> list[Example]:
    """Give prompts the first answers of other prompts (Ethayarajh et al. 2024, section 4.1). The answers are rotated by
    the offset that mismatches most prompts; prompts that still get an answer of their own are left out.
    """
    asked = [example.prompt.text for example in batch]
    found: list[Example] = []
    for places in range(1, len(batch)):
        turned = [*batch[places:], *batch[:places]]
        strange = [
            replace(one, answers=other.answers)
            for one, other in zip(batch, turned, strict=True)
            if one.prompt.text != other.prompt.text
        ]
        if len(strange) == len(asked):
            return strange
        found = max(found, strange, key=len)
    return found


def prompts_of(texts: Sequence[str], base: ModelVersion, config: PreferConfig) -> list[PromptIds]:
    """Tokenize the prompts, without those longer than the window."""
    tokenizer = ModelTokenizer(Path(base.folder))
    found = [_prompt_ids(text, base, tokenizer) for text in texts]
    return [prompt for prompt in found if len(prompt.ids) <= config.window]


def _examples(preferred: Preferred, base: ModelVersion, config: PreferConfig) -> tuple[list[Example], int]:
    if config.method != "kto":
        return _encoded(
            [(pair.prompt, (pair.chosen, pair.rejected), True, pair.weight) for pair in preferred.pairs], base, config
        )
    sides = [
        (pair.prompt, (answer,), good, pair.weight)
        for pair in preferred.pairs
        for answer, good in ((pair.chosen, True), (pair.rejected, False))
    ]
    thumbs = [(label.prompt, (label.completion,), label.label, 1.0) for label in preferred.labels]
    return _encoded([*sides, *thumbs], base, config)


def _encoded(
    judged: Sequence[tuple[str, tuple[str, ...], bool, float]], base: ModelVersion, config: PreferConfig
) -> tuple[list[Example], int]:
    """Turn (prompt, answers, good, weight) into examples. Also return how many were too long."""
    tokenizer = ModelTokenizer(Path(base.folder))
    found: list[Example] = []
    for text, answers, good, weight in judged:
        prompt = _prompt_ids(text, base, tokenizer)
        written = tuple(tokenizer.encode(hide(answer, prompt.names)) for answer in answers)
        if len(prompt.ids) <= config.window and max(map(len, written)) <= config.answer_tokens:
            found.append(Example(prompt, written, good, weight))
    return found, len(judged) - len(found)


def _prompt_ids(text: str, base: ModelVersion, tokenizer: ModelTokenizer) -> PromptIds:
    shown = show(text, base.speaker_tags)
    return PromptIds(text, tokenizer.encode(shown.text), shown.names)


def _balanced(examples: Sequence[Example], config: PreferConfig) -> tuple[Example, ...]:
    """For kto, weight good answers by `good_weight` or, if that is 0, so that both sides have equal total weight."""
    if config.method != "kto" or not examples:
        return tuple(examples)
    good, bad = (sum(one.weight for one in examples if one.good == side) for side in (True, False))
    factor = config.good_weight or (bad / good if good and bad else 1.0)
    return tuple(replace(one, weight=one.weight * factor) if one.good else one for one in examples)


def _nothing_left(train: Preferred, left_out: int, config: PreferConfig) -> str:
    if left_out:
        return f"none of {left_out} fits: --window is {config.window} tokens and --answer-tokens {config.answer_tokens}"
    if train.labels:
        return f"the data hold {len(train.labels)} thumbs and no pair: --method kto learns from thumbs"
    why = ", ".join(f"{count} {reason}" for reason, count in train.unpaired.items())
    return "the data hold no pair to learn from" + (f" (made no pair: {why})" if why else "")
