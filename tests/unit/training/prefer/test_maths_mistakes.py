"""Plants a wrong sign, scale or reference in each loss, and checks that its hand-worked tests notice every one."""

import inspect
import types

import pytest

from tests.unit.training.prefer import test_maths
from training.prefer import maths as preference_maths

_MISTAKES = [
    # Answers: the mask, the division by the tokens.
    ("return (logprobs * mask).sum(dim=1)\n", "return logprobs.sum(dim=1)\n"),
    ("mask.sum(dim=1).clamp(min=1)", "mask.shape[1]"),
    ("mask.sum(dim=1).clamp(min=1)", "1"),
    # DPO: sign, beta, smoothing.
    (
        "beta * (chosen_logratio - rejected_logratio), smoothing",
        "beta * (rejected_logratio - chosen_logratio), smoothing",
    ),
    ("beta * (chosen_logratio - rejected_logratio), smoothing", "(chosen_logratio - rejected_logratio), smoothing"),
    ("beta * (chosen_logratio - rejected_logratio), smoothing", "beta * (chosen_logratio - rejected_logratio), 0.0"),
    ("-(1.0 - smoothing) * logsigmoid(logits)", "-logsigmoid(logits)"),
    ("- smoothing * logsigmoid(-logits)", "- smoothing * logsigmoid(logits)"),
    ("- smoothing * logsigmoid(-logits)", ""),
    # IPO: length normalization of either side, sign, the target.
    ("chosen_logratio / chosen_tokens - rejected", "chosen_logratio - rejected"),
    ("- rejected_logratio / rejected_tokens", "- rejected_logratio"),
    ("- rejected_logratio / rejected_tokens", "+ rejected_logratio / rejected_tokens"),
    ("margin - 1.0 / (2.0 * beta)", "margin - 1.0 / beta"),
    ("margin - 1.0 / (2.0 * beta)", "margin + 1.0 / (2.0 * beta)"),
    ("margin - 1.0 / (2.0 * beta)", "margin - 2.0 * beta"),
    # ORPO: the odds, the sign of either half, its weight.
    ("return logprobs - _log_of_rest(logprobs)", "return logprobs"),
    ("return logprobs - _log_of_rest(logprobs)", "return logprobs + _log_of_rest(logprobs)"),
    ("mean_logprobs.clamp(max=_NEAR_ZERO)", "mean_logprobs"),
    ("near = logprobs > -math.log(2.0)", "near = logprobs > -1e-9"),
    ("torch.where(near, logprobs, -1.0)", "logprobs + 1.0"),
    ("return -chosen_mean - beta", "return chosen_mean - beta"),
    ("return -chosen_mean - beta", "return -beta"),
    ("- beta * logsigmoid(log_odds", "- logsigmoid(log_odds"),
    ("- beta * logsigmoid(log_odds", "+ beta * logsigmoid(log_odds"),
    ("log_odds(chosen_mean) - log_odds(rejected_mean)", "log_odds(rejected_mean) - log_odds(chosen_mean)"),
    # KTO: the reference point and its gradient, which answers are good, beta.
    ("mismatched_logratio.detach()", "mismatched_logratio"),
    (".mean().clamp(min=0.0)", ".mean()"),
    (".mean().clamp(min=0.0)", ".sum().clamp(min=0.0)"),
    ("torch.where(desirable, 1.0, -1.0)", "torch.where(desirable, -1.0, 1.0)"),
    ("(logratio - reference_point)", "logratio"),
    ("(logratio - reference_point)", "(logratio + reference_point)"),
    ("1.0 - torch.sigmoid(beta * sign", "torch.sigmoid(beta * sign"),
    ("torch.sigmoid(beta * sign", "torch.sigmoid(sign"),
    # SimPO: sign, beta, margin, smoothing.
    ("beta * (chosen_mean - rejected_mean) - margin", "beta * (rejected_mean - chosen_mean) - margin"),
    ("beta * (chosen_mean - rejected_mean) - margin", "(chosen_mean - rejected_mean) - margin"),
    ("beta * (chosen_mean - rejected_mean) - margin", "beta * (chosen_mean - rejected_mean) + margin"),
    ("beta * (chosen_mean - rejected_mean) - margin", "beta * (chosen_mean - rejected_mean - margin)"),
    ("- margin, smoothing)", "- margin, 0.0)"),
]


def _notices(test: object) -> bool:
    try:
        test()  # type: ignore[operator]
    # Whatever a wrong sum leads to: a failed comparison, or a gradient that isn't there.
    except Exception:  # noqa: BLE001
        return True
    return False


@pytest.mark.parametrize(("right", "wrong"), _MISTAKES)
def test_a_mistake_is_noticed(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(preference_maths)
    assert right in source, "the code has changed; plant the mistake anew"
    spoilt = types.ModuleType("spoilt")
    exec(compile(source.replace(right, wrong, 1), "spoilt", "exec"), spoilt.__dict__)
    monkeypatch.setattr(test_maths, "maths", spoilt)
    tests = [test for name, test in vars(test_maths).items() if name.startswith("test_")]
    assert any(_notices(test) for test in tests)
