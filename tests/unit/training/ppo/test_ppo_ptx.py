"""What people wrote, learnt from beside the reward: the loss, its gradient, and whose share is whose."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from assistant.errors import DataMissing, UsageError
from tests.tiny_models import build_tiny_model
from training.ppo.config import PpoConfig
from training.ppo.policy import LoraShape, Policy, load_policy
from training.ppo.ppo_ptx import Anchor, read_written
from training.ppo.updates import copy_parameters
from training.runs.distributed import Ranks

ROWS = [
    {"prompt": f"Maya: The review {n} moves to Friday." + " Yes." * n, "summary": "The review moves." + " Yes." * n}
    for n in range(4)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def policy(model: Path) -> Policy:
    shape = LoraShape(4, 8, ("q", "v"))
    kinds = {"trains_encoder": False, "value_adapter": False}
    return load_policy(model, None, shape, **kinds, temperature=1.0, dtype="float32", device="cpu", seed=1)


def written(folder: Path, rows: list[dict[str, str]]) -> str:
    path = folder / "anchor.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def gradient(policy: Policy) -> torch.Tensor:
    parts = [value.grad.flatten() for value in policy.trainable().values() if value.grad is not None]
    policy.model.zero_grad()
    return torch.cat(parts)


def test_the_loss_is_the_library_s_and_its_gradient_has_the_weight(model: Path, policy: Policy, tmp_path: Path) -> None:
    config = PpoConfig(anchor=written(tmp_path, ROWS[:2]), mini_batch_size=8, anchor_weight=0.5)
    loss = Anchor(config, policy, Ranks()).accumulate(0)
    found = gradient(policy)
    total, tokens = torch.zeros(()), 0
    for text in read_written(Path(config.anchor), policy, config):
        labels = torch.tensor([list(text.answer)])
        logits = policy.model(input_ids=torch.tensor([list(text.prompt.ids)]), labels=labels).logits
        total = total + cross_entropy(logits[0], labels[0], reduction="sum")
        tokens += labels.numel()
    assert loss == pytest.approx(float(total.detach()) / tokens, abs=1e-4)
    (0.5 * total / tokens).backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(found, gradient(policy), atol=1e-5)


def test_every_text_comes_once_before_any_comes_again_and_processes_share_an_update(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = PpoConfig(anchor=written(tmp_path, ROWS), mini_batch_size=8)
    whole = Anchor(config, policy, Ranks())
    losses = [whole.accumulate(update) for update in range(2)]
    at_once = Anchor(PpoConfig(anchor=config.anchor, mini_batch_size=16), policy, Ranks()).accumulate(0)
    tokens = [len(text.answer) for text in read_written(Path(config.anchor), policy, config)]
    assert min(losses) < at_once < max(losses), "two updates of two texts, and one of all four"
    gradient(policy)
    whole.accumulate(1)
    alone = gradient(policy)
    parts, shared = [], 0.0
    for rank in (0, 1):
        ranks = Ranks()
        monkeypatch.setattr(ranks, "rank", rank)
        monkeypatch.setattr(ranks, "world", 2)
        shared += Anchor(config, policy, ranks).accumulate(1)
        parts.append(gradient(policy))
    assert shared == pytest.approx(losses[1], abs=1e-5)
    assert torch.allclose(sum(parts), alone, atol=1e-5)  # type: ignore[arg-type]
    assert len(tokens) == 4


def test_without_texts_or_weight_nothing_is_learnt(policy: Policy, tmp_path: Path) -> None:
    before = copy_parameters(policy)
    assert Anchor(PpoConfig(), policy, Ranks()).accumulate(0) == 0.0
    assert Anchor(PpoConfig(anchor=written(tmp_path, ROWS), anchor_weight=0.0), policy, Ranks()).accumulate(0) == 0.0
    assert all(value.grad is None for value in policy.trainable().values())
    assert copy_parameters(policy).keys() == before.keys()


def test_texts_that_do_not_fit_are_left_out_and_rows_without_a_summary_refused(policy: Policy, tmp_path: Path) -> None:
    long = {"prompt": ROWS[0]["prompt"], "summary": "Yes. " * 600}
    assert len(read_written(Path(written(tmp_path, [*ROWS, long])), policy, PpoConfig())) == 4
    with pytest.raises(DataMissing, match="fits 512 tokens"):
        read_written(Path(written(tmp_path, [long])), policy, PpoConfig())
    with pytest.raises(UsageError, match="summary"):
        read_written(Path(written(tmp_path, [{"prompt": "Maya: Hi."}])), policy, PpoConfig())
