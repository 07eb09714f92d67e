"""The losses against numbers worked out by hand.

Useful: log sigmoid(0) = -0.693147, log sigmoid(1) = -0.313262, log sigmoid(-1) = -1.313262, sigmoid(1) = 0.731059.
"""

import math

import pytest
import torch

from training.prefer import maths


def _row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_an_answer_is_as_likely_as_its_tokens_together_padding_left_out() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -9.0], [-0.5, -0.5, -2.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    # -1 - 2 = -3 over two tokens; -0.5 - 0.5 - 2 = -3 over three.
    assert maths.answer_logprobs(logprobs, mask).tolist() == [-3.0, -3.0]
    assert maths.token_logprobs(logprobs, mask).tolist() == [-1.5, -1.0]
    assert maths.token_logprobs(logprobs, torch.zeros_like(mask)).tolist() == [0.0, 0.0]


def test_dpo_is_the_log_of_the_sigmoid_of_the_margin() -> None:
    # beta 0.5, margins 3 - 1 = 2 and -1 - 1 = -2: -log sigmoid(1) and -log sigmoid(-1).
    losses = maths.dpo_losses(_row(3.0, -1.0), _row(1.0, 1.0), 0.5, 0.0)
    assert losses.tolist() == pytest.approx([0.313262, 1.313262], abs=1e-6)


def test_dpo_smoothing_mixes_in_the_pair_the_other_way_round() -> None:
    # 0.9 * 0.313262 + 0.1 * 1.313262 = 0.413262
    losses = maths.dpo_losses(_row(3.0), _row(1.0), 0.5, 0.1)
    assert losses.tolist() == pytest.approx([0.413262], abs=1e-6)


def test_dpo_pulls_the_chosen_up_and_the_rejected_down() -> None:
    chosen, rejected = _row(0.0).requires_grad_(), _row(0.0).requires_grad_()
    maths.dpo_losses(chosen, rejected, 0.2, 0.0).sum().backward()
    # -beta * sigmoid(0) = -0.1
    assert chosen.grad is not None and rejected.grad is not None
    assert (chosen.grad.item(), rejected.grad.item()) == (pytest.approx(-0.1), pytest.approx(0.1))


def test_ipo_wants_a_margin_a_token_of_half_of_one_over_beta() -> None:
    # beta 0.25 wants 2. 8/2 - 6/3 = 2: no loss. 2/2 - 6/3 = -1: (-3)^2 = 9.
    losses = maths.ipo_losses(_row(8.0, 2.0), _row(6.0, 6.0), _row(2.0, 2.0), _row(3.0, 3.0), 0.25)
    assert losses.tolist() == pytest.approx([0.0, 9.0])


def test_log_odds_of_a_half_are_nothing_and_of_four_fifths_log_four() -> None:
    found = maths.log_odds(torch.log(_row(0.5, 0.8, 0.2)))
    assert found.tolist() == pytest.approx([0.0, math.log(4), -math.log(4)])


def test_log_odds_hold_at_both_ends_with_their_gradients() -> None:
    # Below: p = exp(-80), log p - log(1 - p) = -80.
    # Above: p = exp(-1e-4), 1 - p = 1e-4 - 5e-9, its log -9.210390; less log p: 9.210290.
    # In float32, whose 1 - exp(-1e-4) taken step by step is wrong in the fourth digit.
    logprobs = _row(-80.0, -1e-4, 0.0).float().requires_grad_()
    found = maths.log_odds(logprobs)
    assert found[:2].tolist() == pytest.approx([-80.0, 9.210290], abs=1e-5)
    found.sum().backward()
    assert torch.isfinite(found).all() and logprobs.grad is not None and torch.isfinite(logprobs.grad).all()
    # The derivative of log odds is 1 / (1 - p), which is 1 far below.
    assert logprobs.grad[0].item() == pytest.approx(1.0)


def test_orpo_adds_the_odds_ratio_to_learning_the_chosen() -> None:
    # Odds 4 against 1/4: log 16. sigmoid(log 16) = 16/17. -log 0.8 = 0.223144, -log(16/17) = 0.060625.
    # 0.223144 + 2 * 0.060625 = 0.344393
    losses = maths.orpo_losses(torch.log(_row(0.8)), torch.log(_row(0.2)), 2.0)
    assert losses.tolist() == pytest.approx([0.344393], abs=1e-6)


def test_the_reference_point_is_the_mean_and_never_below_nothing() -> None:
    drift = _row(1.0, 4.0).requires_grad_()
    point = maths.kto_reference_point(drift)
    assert point.item() == 2.5 and not point.requires_grad
    assert maths.kto_reference_point(_row(-3.0, 1.0)).item() == 0.0


def test_kto_takes_good_and_bad_answers_by_themselves() -> None:
    # beta 0.5, point 1: the good one stands 2 above it, the bad one 2 above and 2 below: 1 - sigmoid(1, -1, 1).
    losses = maths.kto_losses(_row(3.0, 3.0, -1.0), torch.tensor([True, False, False]), _row(1.0)[0], 0.5)
    assert losses.tolist() == pytest.approx([0.268941, 0.731059, 0.268941], abs=1e-6)


def test_simpo_compares_means_and_takes_its_margin_off() -> None:
    # 2 * (-0.5 + 1.5) - 1 = 1
    assert maths.simpo_losses(_row(-0.5), _row(-1.5), 2.0, 1.0, 0.0).tolist() == pytest.approx([0.313262], abs=1e-6)
    # 0.8 * 0.313262 + 0.2 * 1.313262 = 0.513262
    assert maths.simpo_losses(_row(-0.5), _row(-1.5), 2.0, 1.0, 0.2).tolist() == pytest.approx([0.513262], abs=1e-6)
