"""What is learnt, seen from outside: by stock transformers and peft, or by what a planted partner does."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from peft import PeftModel
from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration

from assistant.engine.tokens import ModelTokenizer
from tests.unit.training.prefer.prefer_runs import (
    BAD,
    GOOD,
    SMALL,
    material,
    pair_rows,
    thumb_rows,
    trained,
    write_rows,
)
from training.ppo.policy import Policy
from training.prefer.config import Method


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pairs.jsonl", pair_rows())


def _stock(model: Path, adapter: Path | None) -> Any:
    """The model by transformers and peft alone."""
    base = T5ForConditionalGeneration.from_pretrained(model, local_files_only=True)
    if adapter is None:
        return base.eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        return PeftModel.from_pretrained(base, str(adapter)).eval()


@torch.no_grad()
def _logprob(stock: Any, source: Sequence[int], answer: Sequence[int]) -> float:
    """Log-probability of a whole answer."""
    labels = torch.tensor([list(answer)])
    logits = stock(input_ids=torch.tensor([list(source)]), labels=labels).logits
    return float(torch.log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).sum())


def _margin(stock: Any, model: Path, prompt: Sequence[int]) -> float:
    tokenizer = ModelTokenizer(model)
    good, bad = (_logprob(stock, prompt, tokenizer.encode(text)) for text in (GOOD, BAD))
    return good - bad


@pytest.mark.parametrize("method", ["dpo", "ipo", "orpo", "kto", "simpo", "chosen"])
def test_the_adapter_makes_the_chosen_answer_likelier_beside_the_rejected_one(
    method: Method, model: Path, pairs: Path, tmp_path: Path
) -> None:
    config = replace(SMALL, method=method, max_steps=12, judge_every=0)
    prompt = material(config, model, pairs).held_out[0].prompt.ids
    trained(config, model, pairs, tmp_path)
    before, after = (_margin(_stock(model, place), model, prompt) for place in (None, tmp_path / "out"))
    assert after > before + 0.1


def test_a_pair_of_no_weight_moves_nothing(model: Path, tmp_path: Path) -> None:
    first, second = pair_rows(2)
    turned = second | {"chosen": BAD, "rejected": GOOD, "weight": 1e-6}
    config = replace(SMALL, held_out=0.0, judge_every=0)
    kept = []
    for name, rows in (("both", [first, turned]), ("alone", [first])):
        data = write_rows(tmp_path / f"{name}.jsonl", rows)
        trained(replace(config, batch_size=len(rows)), model, data, tmp_path / name)
        kept.append(load_file(tmp_path / name / "out" / "adapter_model.safetensors"))
    assert all(torch.allclose(kept[0][name], kept[1][name], atol=2e-4) for name in kept[0])


def test_kto_s_point_is_that_of_the_answers_to_other_prompts(model: Path, tmp_path: Path) -> None:
    # Of two answers alike in part the good one weighs far more, so that both become likelier.
    rows = [row | {"completion": text} for row, text in zip(thumb_rows(2), ("The review.", GOOD), strict=True)]
    data = write_rows(tmp_path / "thumbs.jsonl", rows)
    config = replace(SMALL, method="kto", good_weight=20.0, batch_size=2, held_out=0.0, judge_every=0, warmup_share=0.0)
    one, two = material(config, model, data).train
    trained(replace(config, max_steps=1, learning_rate=0.05), model, data, tmp_path / "one")
    stock, original = _stock(model, tmp_path / "one" / "out"), _stock(model, None)
    mismatched = [(one.prompt.ids, two.answers[0]), (two.prompt.ids, one.answers[0])]
    wanted = sum(_logprob(stock, *both) - _logprob(original, *both) for both in mismatched) / 2
    assert wanted > 0.05, "a point at its floor would hide which answers it is taken of"
    # With a warm-up of one step the first is taken at the full rate, whether another follows or not.
    rows_again, _, _ = trained(replace(config, max_steps=2, learning_rate=0.05), model, data, tmp_path / "two")
    assert rows_again[0]["reference_point"] == 0.0
    assert rows_again[1]["reference_point"] == pytest.approx(max(0.0, wanted), abs=1e-3)


def test_the_chosen_weight_adds_the_chosen_answers_own_loss(model: Path, pairs: Path, tmp_path: Path) -> None:
    found = []
    for weight in (0.0, 2.0):
        config = replace(SMALL, chosen_weight=weight, max_steps=1, judge_every=0)
        found.append(trained(config, model, pairs, tmp_path / str(weight))[0][0])
    assert found[1]["loss"] - found[0]["loss"] == pytest.approx(-2.0 * found[0]["chosen_logprob"], rel=1e-5)


def test_what_is_learnt_beside_is_counted_and_moves_the_adapter(model: Path, pairs: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def beside(policy: Policy, update: int) -> float:
        asked.append(update)
        for weight in policy.trainable().values():
            if weight.grad is not None:
                weight.grad.zero_()
        return 7.0

    rows, _, _ = trained(replace(SMALL, judge_every=0), model, pairs, tmp_path, beside=beside)
    assert asked == [0, 1, 2, 3] and [row["loss/anchor"] for row in rows] == [7.0] * 4
    # It took every gradient away, so that nothing was learnt.
    kept = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert all(not value.any() for name, value in kept.items() if "lora_B" in name)
