"""The arithmetic of learning from preferences without a reward model, as pure functions of tensors.

`logprobs` and `mask` are (batch, time); the mask is True on the tokens of an answer, EOS included. Everything else is
(batch,), one number per pair or answer. Log-probabilities are in nats. `logratio` is log policy - log reference of a
whole answer. Functions that end in `_losses` return one number per row, so that the caller can weight them.

Sources: DPO, Rafailov et al. 2023 (arXiv:2305.18290); its label smoothing, Mitchell 2023 (cDPO, "A note on DPO with
noisy preferences"); IPO, Azar et al. 2023 (arXiv:2310.12036); ORPO, Hong et al. 2024 (arXiv:2403.07691); KTO,
Ethayarajh et al. 2024 (arXiv:2402.01306); SimPO, Meng et al. 2024 (arXiv:2405.14734).
"""

import math

import torch
from torch.nn.functional import logsigmoid

_NEAR_ZERO = -1e-7
"""Largest mean log-probability for log odds, which are infinite at 0 (a certain answer)."""


def answer_logprobs(logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each answer: the sum over its tokens."""
    return (logprobs * mask).sum(dim=1)


def token_logprobs(logprobs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean log-probability of each answer's tokens; 0 for an empty answer."""
    return (logprobs * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def dpo_losses(
    chosen_logratio: torch.Tensor, rejected_logratio: torch.Tensor, beta: float, smoothing: float
) -> torch.Tensor:
    """-log sigmoid(beta * (chosen - rejected)) (Rafailov et al. 2023, equation 7). `smoothing` is the assumed share of
    pairs labelled the wrong way round (Mitchell 2023, equation 3).
    """
    return _smoothed(beta * (chosen_logratio - rejected_logratio), smoothing)


def ipo_losses(
    chosen_logratio: torch.Tensor,
    rejected_logratio: torch.Tensor,
    chosen_tokens: torch.Tensor,
    rejected_tokens: torch.Tensor,
    beta: float,
) -> torch.Tensor:
    """(chosen - rejected - 1 / (2 beta))^2 with log-ratios per token (Azar et al. 2023, equation 17; beta is their
    tau).

    The paper does not divide by the number of tokens; its authors confirmed to TRL that their experiments did.
    """
    margin = chosen_logratio / chosen_tokens - rejected_logratio / rejected_tokens
    return (margin - 1.0 / (2.0 * beta)) ** 2


def log_odds(mean_logprobs: torch.Tensor) -> torch.Tensor:
    """log(p / (1 - p)) for p = exp of the mean log-probability of a token (Hong et al. 2024, equation 4)."""
    logprobs = mean_logprobs.clamp(max=_NEAR_ZERO)
    return logprobs - _log_of_rest(logprobs)


def orpo_losses(chosen_mean: torch.Tensor, rejected_mean: torch.Tensor, beta: float) -> torch.Tensor:
    """Negative log-likelihood of the chosen answer, plus beta times -log sigmoid of the log odds ratio (Hong et al.
    2024, equations 6 and 7; beta is their lambda). Takes means over tokens, and no reference.
    """
    return -chosen_mean - beta * logsigmoid(log_odds(chosen_mean) - log_odds(rejected_mean))


def kto_reference_point(mismatched_logratio: torch.Tensor) -> torch.Tensor:
    """Mean log-ratio, in nats, of answers paired with other prompts, at least 0 (Ethayarajh et al. 2024, section 4.1).
    Shape (), without gradient.
    """
    return mismatched_logratio.detach().mean().clamp(min=0.0)


def kto_losses(
    logratio: torch.Tensor, desirable: torch.Tensor, reference_point: torch.Tensor, beta: float
) -> torch.Tensor:
    """1 - sigmoid(beta * (logratio - point)) for a good answer, 1 - sigmoid(beta * (point - logratio)) for a bad one
    (Ethayarajh et al. 2024, equations 7 and 8, unweighted). `desirable` is bool.
    """
    sign = torch.where(desirable, 1.0, -1.0)
    return 1.0 - torch.sigmoid(beta * sign * (logratio - reference_point))


def simpo_losses(
    chosen_mean: torch.Tensor, rejected_mean: torch.Tensor, beta: float, margin: float, smoothing: float
) -> torch.Tensor:
    """-log sigmoid(beta * (chosen - rejected) - margin) with mean log-probabilities (Meng et al. 2024, equation 6;
    `margin` is their gamma). Takes no reference.
    """
    return _smoothed(beta * (chosen_mean - rejected_mean) - margin, smoothing)


def _smoothed(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
    return -(1.0 - smoothing) * logsigmoid(logits) - smoothing * logsigmoid(-logits)


def _log_of_rest(logprobs: torch.Tensor) -> torch.Tensor:
    """log(1 - exp(x)) for x < 0, accurate near 0 and far below it (Mächler 2012)."""
    near = logprobs > -math.log(2.0)
    # Each branch gets valid inputs everywhere; otherwise the gradient of the unused branch would be NaN.
    close = torch.log(-torch.expm1(torch.where(near, logprobs, -1.0)))
    return torch.where(near, close, torch.log1p(-torch.exp(torch.where(near, -1.0, logprobs))))
