"""Samples responses to prompts, with their log-probabilities under policy and reference.

The prompts of a step and the noise of each response depend only on the seed, the step and the response's number, so
that a run that is resumed or spread over processes samples the same responses.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from assistant.prompts import restore
from training.ppo.policy import Policy
from training.ppo.prompts import PromptIds
from training.runs.data.batches import rounded


@dataclass(slots=True)
class Rollout:
    """This process's responses of one step, in order of number, on the policy's device. Tensors are (batch, time),
    except `source` and `source_mask` (batch, source), `encoded` (batch, source, width) and `ended` (batch,).

    `encoded` is None if the encoder is trained, because its output then changes with every update.
    """

    prompts: list[str]
    responses: list[str]
    source: torch.Tensor
    source_mask: torch.Tensor
    encoded: torch.Tensor | None
    tokens: torch.Tensor
    mask: torch.Tensor
    ended: torch.Tensor
    logprobs: torch.Tensor
    reference_logprobs: torch.Tensor
    values: torch.Tensor
    entropy: torch.Tensor


def rows_of_step(prompts: int, step: int, batch_size: int, seed: int, what: str = "order") -> list[int]:
    """Return the indices of the prompts of step `step` (from 0). All prompts are read in shuffled passes, one batch
    after the other.
    """
    chosen: list[int] = []
    orders: dict[int, list[int]] = {}
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch = position // prompts
        if epoch not in orders:
            orders[epoch] = list(range(prompts))
            random.Random(f"{seed}/{what}/{epoch}").shuffle(orders[epoch])
        chosen.append(orders[epoch][position % prompts])
    return chosen


def sampling_noise(seed: int, step: int, numbers: Sequence[int], length: int) -> torch.Tensor:
    """Return uniform numbers in [0, 1), (len(numbers), length). Each row depends only on seed, step and its number."""
    rows = []
    for number in numbers:
        digest = hashlib.blake2b(f"{seed}/noise/{step}/{number}".encode(), digest_size=7).digest()
        rows.append(torch.rand(length, generator=torch.Generator().manual_seed(int.from_bytes(digest))))
    return torch.stack(rows)


def buckets(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Group the indices by similar length, at most `size` per group, shortest first."""
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], index))
    return [order[start : start + size] for start in range(0, len(order), size)]


@torch.no_grad()
def collect(policy: Policy, prompts: Sequence[PromptIds], noise: torch.Tensor, size: int) -> Rollout:
    """Sample a response to each prompt with its row of noise, `size` prompts at a time, grouped by length.

    A response has at most as many tokens as the noise has columns.

    Log-probabilities come from a pass over the finished responses, as in the updates. Those from sampling differ by
    rounding, so that policy and reference would not be exactly equal at the start.
    """
    length = noise.shape[1]
    source, source_mask = (tensor.to(policy.device) for tensor in padded(prompts, policy.pad))
    groups = buckets([len(prompt.ids) for prompt in prompts], size)
    tokens = torch.full((len(prompts), length), policy.pad, device=policy.device)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    encoded = None
    logprobs, reference, values, entropy = (torch.zeros(tokens.shape, device=policy.device) for _ in range(4))
    for group in groups:
        rows = torch.tensor(group, device=policy.device)
        width = rounded(max(len(prompts[index].ids) for index in group))
        near, near_mask = source[rows, :width], source_mask[rows, :width]
        states = states_of(policy, [prompts[index] for index in group], near, near_mask)
        drawn, drawn_mask = policy.generate(states, near_mask, length, noise[group].to(policy.device))
        tokens[rows], mask[rows] = drawn, drawn_mask
        longest = int(drawn_mask.any(dim=0).sum())
        drawn, drawn_mask = drawn[:, :longest], drawn_mask[:, :longest]
        found = policy.evaluate_tokens(states, near_mask, drawn, drawn_mask)
        logprobs[rows, :longest], values[rows, :longest] = found.logprobs, found.values
        entropy[rows, :longest] = found.entropy
        original = policy.encode(near, near_mask, "reference") if policy.trains_encoder else states
        reference[rows, :longest] = policy.reference_logprobs(original, near_mask, drawn, drawn_mask)
        if not policy.trains_encoder:
            if encoded is None:
                encoded = torch.zeros(*source.shape, states.shape[-1], dtype=states.dtype, device=policy.device)
            encoded[rows, :width] = states
    last = tokens.gather(1, (mask.sum(dim=1, keepdim=True) - 1).clamp(min=0)).squeeze(1)
    return Rollout(
        prompts=[prompt.text for prompt in prompts],
        responses=_named(policy.texts(tokens, mask), prompts),
        source=source,
        source_mask=source_mask,
        encoded=encoded,
        tokens=tokens,
        mask=mask,
        ended=last == policy.end,
        logprobs=logprobs,
        reference_logprobs=reference,
        values=values,
        entropy=entropy,
    )


@torch.no_grad()
def respond(policy: Policy, prompts: Sequence[PromptIds], length: int, size: int) -> list[str]:
    """Return the policy's greedy response to each prompt, of at most `length` tokens, `size` prompts at a time."""
    source, source_mask = (tensor.to(policy.device) for tensor in padded(prompts, policy.pad))
    texts = [""] * len(prompts)
    for group in buckets([len(prompt.ids) for prompt in prompts], size):
        width = rounded(max(len(prompts[index].ids) for index in group))
        near_mask = source_mask[group, :width]
        states = states_of(policy, [prompts[index] for index in group], source[group, :width], near_mask)
        made = policy.generate(states, near_mask, length, None)
        for index, text in zip(group, policy.texts(*made), strict=True):
            texts[index] = text
    return _named(texts, prompts)


def _named(texts: Sequence[str], prompts: Sequence[PromptIds]) -> list[str]:
    return [restore(text, prompt.names) for text, prompt in zip(texts, prompts, strict=True)]


def states_of(
    policy: Policy, prompts: Sequence[PromptIds], source: torch.Tensor, source_mask: torch.Tensor
) -> torch.Tensor:
    """Return the encoder's output for a padded batch. A frozen encoder reads each prompt by itself and only once, so
    that its output does not depend on the other prompts of a batch.
    """
    if policy.trains_encoder:
        return policy.encode(source, source_mask)
    alone = [policy.encode_once(prompt.ids) for prompt in prompts]
    states = alone[0].new_zeros(*source.shape, alone[0].shape[-1])
    for row, found in enumerate(alone):
        states[row, : len(found)] = found
    return states


def padded(prompts: Sequence[PromptIds], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the prompts' tokens (prompts, length), padded on the right, and their mask."""
    width = rounded(max(len(prompt.ids) for prompt in prompts))
    source = torch.full((len(prompts), width), pad)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        source[row, : len(prompt.ids)] = torch.tensor(prompt.ids)
        mask[row, : len(prompt.ids)] = 1
    return source, mask
