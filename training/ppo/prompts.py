"""Reads, tokenizes and splits the prompts that PPO samples responses to."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import DataMissing
from assistant.prompts import render, show
from training.ppo.config import PpoConfig
from training.ppo.policy import Policy
from training.runs.data.conversations import conversation_key
from training.runs.data.datasets import lacks, read_rows


@dataclass(frozen=True, slots=True)
class PromptIds:
    """A prompt as text and as the encoder's tokens, EOS last. `names` maps tags in the tokens to speakers' names."""

    text: str
    ids: Sequence[int]
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_prompts(paths: Sequence[Path], policy: Policy, window: int) -> tuple[list[PromptIds], int]:
    """Read the prompts of rows with a "dialogue" or a "prompt". Also return how many were skipped because they are
    longer than `window` tokens.

    A dialogue becomes the default prompt for a summary, as in serving. Raises DataMissing if no prompt is left.
    """
    kept: list[PromptIds] = []
    left_out = 0
    for path in paths:
        for number, row in enumerate(read_rows(path), start=1):
            text = prompt_text(row, f"{path}, row {number}")
            shown = show(text, policy.speaker_tags)
            ids = policy.token_ids(shown.text)
            if len(ids) > window:
                left_out += 1
            else:
                kept.append(PromptIds(text, ids, shown.names))
    if not kept:
        raise DataMissing(f"no prompt in {', '.join(map(str, paths))} fits {window} tokens; raise --window")
    return kept, left_out


def part_held_out(
    prompts: list[PromptIds], dev: Path | None, policy: Policy, config: PpoConfig
) -> tuple[list[PromptIds], list[PromptIds]]:
    """Return prompts to train on and prompts to evaluate on. The latter come from `dev` or, without it, from at most a
    fifth of the conversations. Raises DataMissing if there are too few.
    """
    if not config.judge_every:
        return prompts, []
    if dev is not None:
        return prompts, read_prompts([dev], policy, config.window)[0][: config.judge_prompts]
    keys = [conversation_key(prompt.text) for prompt in prompts]
    names = list(dict.fromkeys(keys))
    if len(names) < 5:
        raise DataMissing(f"{len(names)} prompts are too few to hold some out; give --dev or set judge_every to 0")
    draw = random.Random(f"{config.seed}/held-out")
    chosen = {names[place] for place in draw.sample(range(len(names)), min(config.judge_prompts, len(names) // 5))}
    parts: tuple[list[PromptIds], list[PromptIds]] = ([], [])
    for prompt, key in zip(prompts, keys, strict=True):
        parts[key in chosen].append(prompt)
    return parts


def prompt_text(row: dict[str, Any], place: str) -> str:
    """Return a row's "prompt", or the prompt for a summary of its "dialogue". Raises UsageError if it has neither."""
    for field in ("prompt", "dialogue"):
        text = row.get(field)
        if isinstance(text, str) and text.strip():
            break
    else:
        raise lacks(place, "dialogue", row)
    if field == "prompt":
        return text
    return render(text, budget=1 << 30, count_tokens=lambda _: 0).text
