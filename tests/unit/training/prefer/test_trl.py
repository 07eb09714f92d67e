"""Our losses are TRL's own where it has them: its trainers and functions on a causal toy model and on plain numbers."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from assistant.feedback.sharing.exchange import export, import_lines
from assistant.feedback.store import Store
from tests.unit.training.prefer.prefer_runs import pair_rows, write_rows
from training.prefer import maths

_BETA = 0.3


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> Any:
    found = AutoTokenizer.from_pretrained(model, local_files_only=True)
    found.pad_token = found.pad_token or found.eos_token
    return found


def _causal(tokenizer: Any, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        initializer_range=0.5,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(shape)


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # TRL's and Trainer's own notices of what is to change are none of these tests' business.
        warnings.simplefilter("ignore")
        yield


def _rows() -> Dataset:
    # Chosen and rejected differ in length, so that a missing normalization shows.
    return Dataset.from_list(
        [
            {"prompt": f"Maya: Review {n}.\n", "chosen": " Friday." * (n + 1), "rejected": " The report is here." * 2}
            for n in range(4)
        ]
    )


def _seen(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each token and the mask of the answers, by plain means."""
    with torch.no_grad():
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1]
    targets = inputs["input_ids"][:, 1:]
    logprobs = torch.log_softmax(logits.float(), -1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return logprobs, inputs["completion_mask"][:, 1:].bool()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("kind", ["sigmoid", "ipo"])
def test_dpo_and_ipo_are_trl_s(kind: str, tokenizer: Any, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    policy, reference = _causal(tokenizer, 0), _causal(tokenizer, 1)
    settings = DPOConfig(
        output_dir=str(tmp_path),
        beta=_BETA,
        loss_type=[kind],
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_steps=1,
    )
    trainer = DPOTrainer(policy, ref_model=reference, args=settings, train_dataset=_rows(), processing_class=tokenizer)
    inputs = next(iter(trainer.get_train_dataloader()))
    wanted = trainer.compute_loss(trainer.model, inputs)
    own, mask = _seen(policy, inputs)
    other, _ = _seen(reference, inputs)
    ratios = maths.answer_logprobs(own - other, mask)
    (chosen, rejected), tokens = ratios.chunk(2), mask.sum(dim=1).chunk(2)
    losses = (
        maths.dpo_losses(chosen, rejected, _BETA, 0.0)
        if kind == "sigmoid"
        else maths.ipo_losses(chosen, rejected, *tokens, _BETA)
    )
    assert losses.mean().item() == pytest.approx(wanted.item(), rel=1e-4)
    assert losses.std() > 0.01, "the pairs are too alike to tell one loss from another"


@pytest.mark.usefixtures("quiet")
def test_kto_is_trl_s(tokenizer: Any, tmp_path: Path) -> None:
    from trl import KTOConfig, KTOTrainer

    policy, reference = _causal(tokenizer, 0), _causal(tokenizer, 1)
    settings = KTOConfig(
        output_dir=str(tmp_path),
        beta=_BETA,
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_steps=1,
    )
    rows = Dataset.from_list(
        [{"prompt": row["prompt"], "completion": row["chosen"], "label": n % 2 == 0} for n, row in enumerate(_rows())]
    )
    trainer = KTOTrainer(policy, ref_model=reference, args=settings, train_dataset=rows, processing_class=tokenizer)
    inputs = next(iter(trainer.get_train_dataloader()))
    wanted = trainer.compute_loss(trainer.model, inputs)
    own, mask = _seen(policy, inputs)
    other, _ = _seen(reference, inputs)
    mixed = {name.removeprefix("KL_"): value for name, value in inputs.items() if name.startswith("KL_")}
    (strange, strange_mask), (strange_other, _) = _seen(policy, mixed), _seen(reference, mixed)
    point = maths.kto_reference_point(maths.answer_logprobs(strange - strange_other, strange_mask))
    good = torch.as_tensor(inputs["label"], dtype=torch.bool)
    losses = maths.kto_losses(maths.answer_logprobs(own - other, mask), good, point, _BETA)
    assert losses.mean().item() == pytest.approx(wanted.item(), rel=1e-4)


def _numbers() -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.rand(2, 64, generator=torch.Generator().manual_seed(0)) * -3.0 - 0.01
    return drawn[0], drawn[1]


@pytest.mark.usefixtures("quiet")
def test_orpo_s_odds_and_simpo_and_smoothing_are_trl_s() -> None:
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    chosen, rejected = _numbers()
    here = SimpleNamespace(device="cpu")
    orpo = SimpleNamespace(beta=_BETA, accelerator=here)
    # TRL returns beta * log sigmoid and takes it off the loss of the chosen answers.
    wanted = -chosen - ORPOTrainer.odds_ratio_loss(orpo, chosen, rejected)[0]
    assert torch.allclose(maths.orpo_losses(chosen, rejected, _BETA), wanted, atol=1e-5)

    cpo = SimpleNamespace(alpha=0.0, beta=2.0, simpo_gamma=0.7, label_smoothing=0.2, accelerator=here)
    cpo.loss_type = "simpo"
    wanted = CPOTrainer.cpo_loss(cpo, chosen, rejected)[0]
    assert torch.allclose(maths.simpo_losses(chosen, rejected, 2.0, 0.7, 0.2), wanted, atol=1e-6)
    # CPO's plain loss is DPO's with a reference that says nothing; it smooths as cDPO does.
    cpo.loss_type = "sigmoid"
    wanted = CPOTrainer.cpo_loss(cpo, chosen, rejected)[0]
    assert torch.allclose(maths.dpo_losses(chosen, rejected, 2.0, 0.2), wanted, atol=1e-6)


def _exported(folder: Path) -> Dataset:
    """Pairs that were imported, as `assistant feedback export --format trl` writes them."""
    rows = [row | {"prompt": row["dialogue"]} for row in pair_rows(4)]
    with Store.open(folder / "store.db") as store:
        import_lines(store, write_rows(folder / "rated.jsonl", rows))
        lines = export(store, "trl").lines
    place = folder / "exported.jsonl"
    place.write_text("\n".join(lines) + "\n")
    read = Dataset.from_json(str(place), cache_dir=str(folder / "cache"))
    return read.select_columns(["prompt", "chosen", "rejected"])


@pytest.mark.usefixtures("quiet")
def test_exported_pairs_train_a_step_in_trl_s_dpo_trainer(tokenizer: Any, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    policy = _causal(tokenizer, 0)
    before = policy.lm_head.weight.detach().clone()
    settings = DPOConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=4, report_to=[], use_cpu=True, bf16=False, max_steps=1
    )
    trainer = DPOTrainer(
        policy,
        ref_model=_causal(tokenizer, 0),
        args=settings,
        train_dataset=_exported(tmp_path),
        processing_class=tokenizer,
    )
    assert trainer.train().training_loss == pytest.approx(0.693147, abs=1e-4)
    assert not torch.equal(policy.lm_head.weight, before)


@pytest.mark.usefixtures("quiet")
def test_exported_pairs_train_a_step_in_trl_s_reward_trainer(tokenizer: Any, tmp_path: Path) -> None:
    from trl import RewardConfig, RewardTrainer

    torch.manual_seed(0)
    shape = _causal(tokenizer, 0).config
    shape.num_labels = 1
    scorer = LlamaForSequenceClassification(shape)
    before = scorer.score.weight.detach().clone()
    settings = RewardConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        bf16=False,
        max_steps=1,
        gradient_checkpointing=False,
    )
    data = _exported(tmp_path)
    trainer = RewardTrainer(scorer, args=settings, train_dataset=data, processing_class=tokenizer)
    # None of the pairs is dropped, and each has both its answers.
    assert len(trainer.train_dataset) == len(data) == 4
    assert 0.0 < trainer.train().training_loss < 3.0
    assert not torch.equal(scorer.score.weight, before)
