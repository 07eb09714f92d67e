"""PPO-ptx (Ouyang et al. 2022, section 3.5) with reference summaries instead of pre-training texts. Learning from them
next to the reward limits forgetting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from assistant.errors import DataMissing
from assistant.prompts import hide, show
from training.ppo.config import PpoConfig
from training.ppo.policy import Policy
from training.ppo.prompts import PromptIds, prompt_text
from training.ppo.rollouts import padded, rows_of_step, states_of
from training.runs.data.datasets import read_rows, require_fields
from training.runs.distributed import Ranks


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt and its reference summary as tokens, EOS last."""

    prompt: PromptIds
    answer: Sequence[int]


class Anchor:
    """Adds the gradient of some reference summaries to each update. Seed and update number determine which ones."""

    def __init__(self, config: PpoConfig, policy: Policy, ranks: Ranks) -> None:
        self._config, self._policy, self._ranks = config, policy, ranks
        self._texts = read_written(Path(config.anchor), policy, config) if config.anchor else []
        # A quarter of the responses per update, because a summary costs as much as a response.
        self._size = max(1, config.mini_batch_size // 4)

    def accumulate(self, update: int) -> float:
        """Accumulate the gradient for update number `update` (from 0). Return this process's share of the mean loss, in
        nats per token.
        """
        config = self._config
        if not self._texts or not config.anchor_weight:
            return 0.0
        chosen = [self._texts[row] for row in rows_of_step(len(self._texts), update, self._size, config.seed, "anchor")]
        tokens = sum(len(text.answer) for text in chosen)
        mine = chosen[self._ranks.rank :: self._ranks.world]
        if not mine:
            return 0.0
        source, source_mask = (
            tensor.to(self._policy.device) for tensor in padded([t.prompt for t in mine], self._policy.pad)
        )
        answers, mask = _answers(mine, self._policy)
        encoded = states_of(self._policy, [text.prompt for text in mine], source, source_mask)
        seen = self._policy.evaluate_tokens(encoded, source_mask, answers, mask, with_entropy=False)
        loss = -(seen.logprobs * mask).sum() / tokens
        (config.anchor_weight * loss).backward()
        return float(loss.detach())


def read_written(path: Path, policy: Policy, config: PpoConfig) -> list[Written]:
    """Read the rows with a "summary". Prompts and summaries longer than the window are skipped. Raises DataMissing if
    none is left.
    """
    found = []
    for number, row in enumerate(require_fields(read_rows(path), ["summary"], path), start=1):
        text = prompt_text(row, f"{path}, row {number}")
        shown = show(text, policy.speaker_tags)
        ids = policy.token_ids(shown.text)
        answer = policy.token_ids(hide(row["summary"], shown.names))
        if max(len(ids), len(answer)) <= config.window:
            found.append(Written(PromptIds(text, ids, shown.names), answer))
    if not found:
        raise DataMissing(f"no text of {path} fits {config.window} tokens; raise --window")
    return found


def _answers(texts: Sequence[Written], policy: Policy) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the summaries' tokens (texts, longest) and their mask."""
    length = max(len(text.answer) for text in texts)
    tokens = torch.full((len(texts), length), policy.pad, device=policy.device)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for row, text in enumerate(texts):
        tokens[row, : len(text.answer)] = torch.tensor(text.answer, device=policy.device)
        mask[row, : len(text.answer)] = True
    return tokens, mask
