"""Every number here is worked out by hand in the comment beside it."""

import math

import pytest
import torch

from training.ppo import maths as m


def t(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def masks(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.bool)


def is_close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return torch.allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_masked_mean_leaves_padding_out() -> None:
    # (1 + 2 + 6) / 3 = 3; the 100 and the -7 are padding.
    assert m.masked_mean(t([1, 2, 100], [6, -7, 100]), masks([1, 1, 0], [1, 0, 0])).item() == pytest.approx(3.0)


def test_a_masked_mean_of_nothing_is_zero() -> None:
    assert m.masked_mean(t([5.0]), masks([0])).item() == 0.0


def test_a_masked_variance_divides_by_the_tokens() -> None:
    # Mean 3, squared distances 4, 1, 9: 14 / 3.
    assert m.masked_variance(t([1, 2, 100], [6, -7, 100]), masks([1, 1, 0], [1, 0, 0])).item() == pytest.approx(14 / 3)


def test_whitening_gives_mean_zero_and_variance_one_over_the_tokens() -> None:
    # Tokens 1, 3 (mean 2, deviation 1) become -1, 1; padding becomes 0.
    assert is_close(m.masked_whiten(t([1, 3, 50]), masks([1, 1, 0])), t([-1, 1, 0]))


def test_whitening_without_the_shift_keeps_the_mean() -> None:
    # Tokens 2, 6: mean 4, deviation 2, whitened -1, 1, and the mean 4 given back: 3, 5.
    assert is_close(m.masked_whiten(t([2, 6, 50]), masks([1, 1, 0]), shift_mean=False), t([3, 5, 0]))


def test_statistics_are_taken_over_all_processes() -> None:
    # Here one token 1; elsewhere one token 3: mean 2, variance 1. The other process adds its share of each sum.
    others = iter([torch.tensor([3.0, 1.0]), torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0])])
    assert m.masked_whiten(t([1.0]), masks([1]), add_up=lambda own: own + next(others)).item() == pytest.approx(-1.0)


def test_leave_one_out_compares_with_the_mean_of_the_others() -> None:
    # 1 against (2 + 6) / 2 = 4, 2 against 3.5, 6 against 1.5; in the second group all are alike.
    found = m.leave_one_out_advantages(torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0, 5.0]), 3)
    assert is_close(found, torch.tensor([-3.0, -1.5, 4.5, 0.0, 0.0, 0.0]))


def test_group_normalization_compares_with_the_mean_in_units_of_the_spread() -> None:
    # Mean 3, squared distances 4, 1, 9: their sum over 2 is 7. Second group: no spread, and 0 / 1e-4 is 0.
    found = m.group_normalized_advantages(torch.tensor([1.0, 2.0, 6.0, 5.0, 5.0, 5.0]), 3)
    spread = math.sqrt(7.0) + 1e-4
    assert is_close(found, torch.tensor([-2 / spread, -1 / spread, 3 / spread, 0.0, 0.0, 0.0]))
    # Mean 1 and spread 1e-4 * sqrt(2): what is added to the spread shows. 1e-4 / (2.41421e-4) = 0.41421.
    found = m.group_normalized_advantages(torch.tensor([0.9999, 1.0001]), 2)
    assert torch.allclose(found, torch.tensor([-0.41421, 0.41421]), atol=1e-3)


def test_the_kl_estimate_is_policy_minus_reference() -> None:
    # log 0.5 - log 0.25 = log 2: the policy likes the token twice as much as the reference does.
    found = m.kl_estimate(t([math.log(0.5)]), t([math.log(0.25)]))
    assert found.item() == pytest.approx(math.log(2))


def test_the_steady_kl_estimate_is_r_minus_one_minus_log_r() -> None:
    # r = reference / policy = 0.25 / 0.5: 0.5 - 1 - log 0.5 = 0.19315.
    # r = 0.5 / 0.25 = 2: 2 - 1 - log 2 = 0.30685; never negative.
    found = m.kl_lower_variance(t([math.log(0.5), math.log(0.25)]), t([math.log(0.25), math.log(0.5)]))
    assert is_close(found, t([0.19315, 0.30685]))


def test_both_kl_estimates_have_the_divergence_as_their_mean() -> None:
    # Policy (0.8, 0.2), reference (0.5, 0.5): 0.8 log 1.6 + 0.2 log 0.4 = 0.3760 - 0.1833 = 0.1927.
    policy, reference = torch.tensor([0.8, 0.2]), torch.tensor([0.5, 0.5])
    for estimate in (m.kl_estimate, m.kl_lower_variance):
        assert (policy * estimate(policy.log(), reference.log())).sum().item() == pytest.approx(0.19275, abs=1e-4)


def test_the_score_lands_on_the_last_token_and_every_token_pays_for_its_kl() -> None:
    # Coefficient 0.1. Row 1 has two tokens: -0.1 * 1, -0.1 * 2 + 5. Row 2 has three: 0.1, -0.1 * 0, -0.1 * 4 - 1.
    found = m.token_rewards(
        t([1, 2, 9], [-1, 0, 4]), torch.tensor([5.0, -1.0]), masks([1, 1, 0], [1, 1, 1]), coefficient=0.1
    )
    assert is_close(found, t([-0.1, 4.8, 0.0], [0.1, 0.0, -1.4]))


def test_advantages_and_returns_of_three_tokens() -> None:
    # gamma 0.9, lambda 0.5, rewards 1 0 2, values 0.5 1.0 1.5:
    # delta_3 = 2 - 1.5 = 0.5                        A_3 = 0.5
    # delta_2 = 0 + 0.9 * 1.5 - 1.0 = 0.35           A_2 = 0.35 + 0.45 * 0.5 = 0.575
    # delta_1 = 1 + 0.9 * 1.0 - 0.5 = 1.4            A_1 = 1.4 + 0.45 * 0.575 = 1.65875
    # returns = A + V = 2.15875, 1.575, 2.0
    advantages, returns = m.generalized_advantages(t([1, 0, 2]), t([0.5, 1.0, 1.5]), masks([1, 1, 1]), 0.9, 0.5)
    assert is_close(advantages, t([1.65875, 0.575, 0.5]))
    assert is_close(returns, t([2.15875, 1.575, 2.0]))


def test_nothing_behind_the_last_token_reaches_an_advantage() -> None:
    # The second token is the last: delta_2 = 2 - 1 = 1, delta_1 = 0 + 1 - 0.5 = 0.5, A_1 = 0.5 + 1 * 1 = 1.5.
    # The padding's reward of 70 and value of 90 count for nothing.
    advantages, returns = m.generalized_advantages(t([0, 2, 70]), t([0.5, 1, 90]), masks([1, 1, 0]), 1.0, 1.0)
    assert is_close(advantages, t([1.5, 1.0, 0.0]))
    assert is_close(returns, t([2.0, 2.0, 0.0]))


def test_lambda_one_makes_every_return_the_rewards_to_come() -> None:
    # 3 + 2 + 1, 2 + 1, 1, whatever the values are.
    _, returns = m.generalized_advantages(t([3, 2, 1]), t([7.0, -4.0, 0.3]), masks([1, 1, 1]), 1.0, 1.0)
    assert is_close(returns, t([6.0, 3.0, 1.0]))


def test_the_policy_loss_is_the_negative_advantage_at_ratio_one() -> None:
    losses, ratio, clipped = m.policy_losses(t([-1.0, -2.0]), t([-1.0, -2.0]), t([2.0, -3.0]), 0.2)
    assert is_close(losses, t([-2.0, 3.0])) and is_close(ratio, t([1.0, 1.0])) and not clipped.any()


def test_the_policy_loss_is_clipped_only_where_the_move_would_pay() -> None:
    # Ratios 1.5, 1.5, 0.5, 0.5 with advantages 1, -1, 1, -1 and clip 0.2:
    # 1.5, A = 1: min(1.5, 1.2) = 1.2, loss -1.2, clipped      1.5, A = -1: min(-1.5, -1.2) = -1.5, loss 1.5, free
    # 0.5, A = 1: min(0.5, 0.8) = 0.5, loss -0.5, free         0.5, A = -1: min(-0.5, -0.8) = -0.8, loss 0.8, clipped
    ratios = torch.tensor([[1.5, 1.5, 0.5, 0.5]])
    losses, ratio, clipped = m.policy_losses(ratios.log() - 1.0, torch.full((1, 4), -1.0), t([1, -1, 1, -1]), 0.2)
    assert is_close(losses, t([-1.2, 1.5, -0.5, 0.8]))
    assert is_close(ratio, ratios)
    assert clipped.tolist() == [[True, False, False, True]]


def test_a_clipped_token_has_no_gradient() -> None:
    logprobs = (torch.tensor([[1.5, 1.1]]).log() - 1.0).requires_grad_()
    losses, _, _ = m.policy_losses(logprobs, torch.full((1, 2), -1.0), t([1, 1]), 0.2)
    losses.sum().backward()
    # Free: the derivative of -A * ratio by the log-probability is -A * ratio = -1.1.
    assert logprobs.grad is not None and is_close(logprobs.grad, t([0.0, -1.1]))


def test_the_value_loss_takes_the_worse_of_free_and_clipped() -> None:
    # Old value 1, clip 0.2. Value 2, return 3: free (2 - 3)^2 = 1, near 1.2: (1.2 - 3)^2 = 3.24; half: 1.62, clipped.
    # Value 2, return 1: free 1, near 1.2: 0.04; half: 0.5, free. Value 1.1, return 2: both 0.81; half 0.405, free.
    losses, clipped = m.value_losses(t([2, 2, 1.1]), t([1, 1, 1]), t([3, 1, 2]), 0.2)
    assert is_close(losses, t([1.62, 0.5, 0.405]))
    assert clipped.tolist() == [[True, False, False]]


def test_the_value_loss_clips_below_as_well() -> None:
    # Old value 1, value 0, return -1: free 1, near 0.8: (0.8 + 1)^2 = 3.24; half: 1.62.
    losses, clipped = m.value_losses(t([0.0]), t([1.0]), t([-1.0]), 0.2)
    assert losses.item() == pytest.approx(1.62) and clipped.item()


def test_explained_variance_is_one_for_perfect_values_and_zero_for_a_constant() -> None:
    returns, mask = t([1, 2, 3, 99]), masks([1, 1, 1, 0])
    assert m.explained_variance(returns, returns, mask).item() == pytest.approx(1.0)
    assert m.explained_variance(torch.full((1, 4), 7.0), returns, mask).item() == pytest.approx(0.0, abs=1e-6)
    # Values 1 2 2: errors 0 0 1, variance 2/9; returns 1 2 3, variance 2/3: 1 - 1/3.
    assert m.explained_variance(t([1, 2, 2, 0]), returns, mask).item() == pytest.approx(2 / 3)


def test_the_adaptive_coefficient_follows_the_kl() -> None:
    # KL 6.6 at target 6: error 0.1; 50 of 1000 samples: 0.2 * (1 + 0.1 * 0.05) = 0.201.
    assert m.next_kl_coefficient(0.2, 6.6, 6.0, 50, 1000) == pytest.approx(0.201)
    # KL 5.4: error -0.1: 0.2 * 0.995 = 0.199.
    assert m.next_kl_coefficient(0.2, 5.4, 6.0, 50, 1000) == pytest.approx(0.199)


def test_the_adaptive_coefficient_moves_by_a_fifth_at_most() -> None:
    # KL 60 at target 6 is an error of 9, cut to 0.2: 0.2 * (1 + 0.2 * 0.5) = 0.22. KL 0 is -1, cut to -0.2: 0.18.
    assert m.next_kl_coefficient(0.2, 60.0, 6.0, 500, 1000) == pytest.approx(0.22)
    assert m.next_kl_coefficient(0.2, 0.0, 6.0, 500, 1000) == pytest.approx(0.18)
