"""Fitting a tiny model to lessons: what is trained, what an update is, and going on after a stop."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import AssistantError, Interrupted, TrainingStopped, UsageError
from tests.tiny_models import LESSONS, build_tiny_model
from training.runs.data.batches import Example
from training.runs.run import Run
from training.runs.schedules import Schedule
from training.sft import seq2seq_trainer as fitting
from training.sft.config import AdaptConfig, SftConfig
from training.sft.methods import prepare, trained_parameters, write_result
from training.sft.seq2seq_trainer import Fit, LengthBuckets, fit, newest_checkpoint

pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("base") / "tiny")


def config(**given: Any) -> SftConfig:
    """Short runs that look twice."""
    settings = {"max_steps": 6, "save_every": 3, "log_every": 1, "batch_size": 2, "show_every": 0, "patience": 0}
    return SftConfig(**{**settings, "warmup_steps": 0, "threads": 1, "seed": 1, **given})


def examples(base: Path, count: int = 8) -> list[Example]:
    tokenizer = ModelTokenizer(base)
    pairs = [
        (f"{source} {'Yes. ' * i}", target * (1 + i % 3)) for i in range(count) for source, target in LESSONS.items()
    ]
    return [Example(tokenizer.encode(source), tokenizer.encode(target)) for source, target in pairs[:count]]


def trained(base: Path, folder: Path, run: Run | None = None, **given: Any) -> tuple[Any, dict[str, float]]:
    chosen = config(**given)
    model = prepare(base, None, chosen)
    job = Fit(chosen, examples(base), examples(base, 3), folder, run)
    return model, fit(model, job)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def same(one: Any, other: Any) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_one_example_is_learnt_by_heart(base: Path, tmp_path: Path) -> None:
    chosen = config(method="full", max_steps=100, save_every=100, learning_rate=1e-2, batch_size=1)
    model = prepare(base, None, chosen)
    one = examples(base, 1)
    figures = fit(model, Fit(chosen, one, one, tmp_path, None))
    assert figures["dev_loss"] < 0.1
    ids = torch.tensor([one[0].source])
    written = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False)
    assert written[0].tolist()[1:] == one[0].target


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"method": "lora", "rank": 4}, "lora_"),
        ({"method": "lora", "rank": 4, "targets": "all-linear"}, "lora_"),
        ({"method": "prompt-tuning", "virtual_tokens": 4}, "prompt_encoder"),
        ({"method": "selective"}, "layer_norm"),
        ({"method": "selective", "last_layers": 1}, ".block.1."),
    ],
)
def test_only_the_chosen_weights_move(base: Path, tmp_path: Path, given: dict[str, Any], part: str) -> None:
    chosen = config(**given)
    model = prepare(base, None, chosen)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    fit(model, Fit(chosen, examples(base), examples(base, 3), tmp_path, None))
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved
    assert all(part in name for name in moved)
    assert {name for name, value in model.named_parameters() if value.grad is not None} <= set(weights(model))
    assert trained_parameters(model) == sum(value.numel() for value in weights(model).values())


def test_a_lora_of_every_linear_layer_has_more_places_than_one_of_attention(base: Path) -> None:
    counts = [
        trained_parameters(prepare(base, None, config(rank=4, targets=targets)))
        for targets in ("attention", "all-linear")
    ]
    # 6 attentions, each with q and v from 32 to 32: rank 4 takes 4 x (32 + 32) numbers a layer.
    assert counts[0] == 6 * 2 * 4 * 64
    assert counts[1] > 2 * counts[0]


def test_eight_passes_of_one_make_the_update_of_one_pass_of_eight(base: Path, tmp_path: Path) -> None:
    made = [
        trained(base, tmp_path / str(size), batch_size=size, accumulation=8 // size, max_steps=2, rank=4)
        for size in (8, 1)
    ]
    for one, other in zip(weights(made[0][0]).values(), weights(made[1][0]).values(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    assert made[0][1]["train_loss"] == pytest.approx(made[1][1]["train_loss"], abs=1e-5)


def test_the_same_seed_makes_the_same_and_activation_checkpointing_changes_nothing(base: Path, tmp_path: Path) -> None:
    first, figures = trained(base, tmp_path / "a", rank=4)
    again, _ = trained(base, tmp_path / "b", rank=4)
    frugal, _ = trained(base, tmp_path / "c", rank=4, activation_checkpointing=True)
    other, _ = trained(base, tmp_path / "d", rank=4, seed=2)
    assert same(first, again)
    for one, two in zip(weights(first).values(), weights(frugal).values(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)
    assert not same(first, other)
    assert math.isfinite(figures["dev_loss"])


# Every third update is followed by a look, which a stop cuts short; so is the last, where a pass of four ends or not.
@pytest.mark.parametrize(
    ("method", "update", "last"),
    [("lora", 5, 8), ("full", 5, 8), ("prompt-tuning", 5, 8), ("lora", 6, 8), ("lora", 8, 8), ("lora", 7, 7)],
)
def test_a_stopped_run_goes_on_bit_by_bit(base: Path, tmp_path: Path, method: str, update: int, last: int) -> None:
    given = {"method": method, "rank": 4, "virtual_tokens": 4, "max_steps": last}
    data = tmp_path / "data.jsonl"
    data.write_text("{}\n")
    runs = [Run.start("sft", config(), [data], 1, tmp_path / name) for name in ("whole", "parts")]
    whole, figures = trained(base, runs[0].folder / "checkpoints", runs[0], **given)

    chosen = config(**given)
    job = Fit(chosen, examples(base), examples(base, 3), runs[1].folder / "checkpoints", runs[1])

    def stop(told: Any) -> None:
        job.stop.requested = told["step"] == update

    fit(prepare(base, None, chosen), replace(job, report=stop))
    assert newest_checkpoint(job.folder) == job.folder / f"checkpoint-{update}"
    assert not [row for row in runs[1].metrics() if row["step"] == update and "dev_loss" in row]
    (job.folder / f"checkpoint-{update + 2}").mkdir()  # cut short by a crash
    runs[1].log(update + 2, loss=0.0)  # made after the checkpoint: made again
    parts = prepare(base, None, chosen)
    again = fit(parts, replace(job, stop=type(job.stop)()))
    assert same(whole, parts)
    assert (again["steps"], again["dev_loss"]) == (last, figures["dev_loss"])
    assert runs[0].metrics() == runs[1].metrics()


def test_a_look_that_is_stopped_again_stays_due(base: Path, tmp_path: Path) -> None:
    chosen = config(rank=4, max_steps=8)
    job = Fit(chosen, examples(base), examples(base, 3), tmp_path / "parts", None)

    def stop(told: Any) -> None:
        job.stop.requested = told["step"] == 6

    fit(prepare(base, None, chosen), replace(job, report=stop))
    assert fit(prepare(base, None, chosen), job)["steps"] == 6
    parts = prepare(base, None, chosen)
    again = fit(parts, replace(job, stop=type(job.stop)()))
    whole, figures = trained(base, tmp_path / "whole", rank=4, max_steps=8)
    assert again["dev_loss"] == figures["dev_loss"]
    assert same(whole, parts)


def test_a_stop_before_the_first_update_has_nothing_to_save(base: Path, tmp_path: Path) -> None:
    chosen = config(rank=4)
    job = Fit(chosen, examples(base), examples(base, 3), tmp_path, None)
    job.stop.requested = True
    with pytest.raises(Interrupted, match="before the first update"):
        fit(prepare(base, None, chosen), job)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(base: Path, tmp_path: Path) -> None:
    chosen = config(method="full", learning_rate=1e-3)
    model = prepare(base, None, chosen)

    def poison(told: Any) -> None:
        if told["step"] == 4:
            with torch.no_grad():
                model.shared.weight.fill_(math.nan)

    with pytest.raises(TrainingStopped, match=r"loss was nan at step 4.*checkpoint-3") as caught:
        fit(model, Fit(chosen, examples(base), examples(base, 3), tmp_path, None, report=poison))
    assert caught.value.exit_code == 5
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert all(torch.isfinite(value).all() for value in load_file(newest / "model.safetensors").values())


def test_a_held_out_loss_that_is_no_number_stops_too(base: Path, tmp_path: Path) -> None:
    chosen = config(method="full", learning_rate=1e-3)
    model = prepare(base, None, chosen)

    def poison(told: Any) -> None:
        if told["step"] == 3:  # after its update, before the held-out lessons are looked at
            with torch.no_grad():
                model.shared.weight.fill_(math.nan)

    with pytest.raises(TrainingStopped, match="the held-out loss was nan at step 3"):
        fit(model, Fit(chosen, examples(base), examples(base, 3), tmp_path, None, report=poison))


def test_a_full_disk_at_a_checkpoint_keeps_the_one_before(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fitting.Seq2SeqTrainer._save_optimizer_and_scheduler

    def full(self: Any, place: str) -> None:
        if self.state.global_step > 3:
            raise OSError(28, "No space left on device")
        real(self, place)

    monkeypatch.setattr(fitting.Seq2SeqTrainer, "_save_optimizer_and_scheduler", full)
    with pytest.raises(AssistantError, match=r"No space left.*--resume"):
        trained(base, tmp_path, rank=4)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]


def test_training_ends_when_looks_bring_nothing(base: Path, tmp_path: Path) -> None:
    # A step of nearly nothing: every look after the first is as good as the one before or worse.
    _, figures = trained(base, tmp_path, rank=4, learning_rate=1e-12, max_steps=40, save_every=2, patience=2)
    assert figures["steps"] < 40


@pytest.mark.parametrize("moment", ["in the look", "afterwards"])
def test_a_run_that_ended_early_makes_no_update_more(base: Path, tmp_path: Path, moment: str) -> None:
    # As above: the second look is at update 6, in the midst of a pass of four, and ends it.
    chosen = config(rank=4, learning_rate=1e-12, max_steps=40, save_every=3, patience=1)
    job = Fit(chosen, examples(base), examples(base, 3), tmp_path, None)

    def stop(told: Any) -> None:
        job.stop.requested = moment == "in the look" and told["step"] == 6

    fit(prepare(base, None, chosen), replace(job, report=stop))
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-6"
    told: list[Any] = []
    figures = fit(prepare(base, None, chosen), replace(job, stop=type(job.stop)(), report=told.append))
    assert (figures["steps"], told) == (6, [])


def test_what_was_trained_is_written_whole(base: Path, tmp_path: Path) -> None:
    model, _ = trained(base, tmp_path / "run", rank=4)
    adapter, whole = write_result(model, tmp_path / "out")
    assert (adapter, whole) == (tmp_path / "out", None)
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {path.name for path in adapter.iterdir()}
    again = prepare(base, adapter, config(rank=4))
    assert same(model, again)


def test_an_update_has_examples_of_like_length_and_every_pass_another_order() -> None:
    lengths = [(i * 37) % 100 for i in range(100)]
    sampler = LengthBuckets(lengths, 8, seed=1)
    first = list(sampler)
    assert sorted(first) == list(range(100))
    assert first == list(LengthBuckets(lengths, 8, seed=1))
    spread = [
        max(lengths[i] for i in first[k : k + 8]) - min(lengths[i] for i in first[k : k + 8]) for k in range(0, 96, 8)
    ]
    assert max(spread) < 10  # eight of a hundred even lengths; a random eight spreads over about 78
    sampler.set_epoch(1)
    assert list(sampler) != first


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"accumulation": 0}, {"save_every": 0}])
def test_settings_out_of_range_are_named(base: Path, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        trained(base, tmp_path, **wrong)


@pytest.mark.parametrize("chosen", [SftConfig, AdaptConfig])
@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        # What is logged after update n of 4 is the next one's rate: 1 - n / 4, (1 + cos(pi * n / 4)) / 2, and 1.
        ("linear", [0.75, 0.5, 0.25, 0.0]),
        ("cosine", [0.853553, 0.5, 0.146447, 0.0]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_rate_follows_the_schedule(
    base: Path, tmp_path: Path, chosen: type[SftConfig | AdaptConfig], schedule: Schedule, rates: list[float]
) -> None:
    given = {"max_steps": 4, "save_every": 4, "log_every": 1, "show_every": 0, "warmup_steps": 0, "threads": 1}
    settings = chosen(**given, batch_size=2, rank=4, learning_rate=1e-3, lr_schedule=schedule)
    data = tmp_path / "data.jsonl"
    data.write_text("{}\n")
    run = Run.start("sft", settings, [data], 1, tmp_path)
    fit(prepare(base, None, settings), Fit(settings, examples(base), examples(base, 3), tmp_path / "kept", run))
    found = [row["learning_rate"] for row in run.metrics() if "learning_rate" in row]
    run.close()
    assert found == pytest.approx([1e-3 * rate for rate in rates], abs=1e-9)
