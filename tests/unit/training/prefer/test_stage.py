"""Learning from preferences on a real T5 of 60,000 random parameters, which prefers what was chosen afterwards."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from peft import PeftModel
from safetensors.torch import load_file
from transformers import T5ForConditionalGeneration

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing, TrainingStopped, UsageError
from assistant.feedback.sharing.exchange import import_lines
from assistant.feedback.store import Store
from assistant.models.registry import promoted_ref
from assistant.models.versions import read_facts
from tests.tiny_models import build_tiny_model
from tests.unit.training.prefer.prefer_runs import (
    BAD,
    GOOD,
    QUICK,
    SMALL,
    a_run,
    material,
    pair_rows,
    run_stage,
    thumb_rows,
    trained,
    version_at,
    write_rows,
)
from training.cli import run as run_line
from training.cli.flags import leaves
from training.ppo.config import PpoConfig
from training.ppo.prompts import PromptIds
from training.prefer.config import Method, PreferConfig
from training.prefer.examples import Example, material_of, mismatched, read_preferred
from training.prefer.stage import train
from training.prefer.trainer import Trainer
from training.rlhf.config import RlhfConfig
from training.runs.run import StopRequested

STAGES_CONFIG = {"prefer": PreferConfig, "ppo": PpoConfig, "rlhf": RlhfConfig}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pairs.jsonl", pair_rows())


@pytest.fixture(scope="module")
def thumbs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "thumbs.jsonl", thumb_rows())


@pytest.mark.parametrize("method", ["dpo", "ipo", "orpo", "kto", "simpo", "chosen"])
def test_every_method_learns_to_prefer_what_was_chosen(
    method: Method, model: Path, pairs: Path, tmp_path: Path
) -> None:
    config = replace(SMALL, method=method, max_steps=16, judge_every=16, max_kl=1e9)
    rows, figures, _ = trained(config, model, pairs, tmp_path)
    judged = [row for row in rows if "dev_loss" in row]
    assert judged[-1]["dev_loss"] < judged[0]["dev_loss"] and judged[-1]["dev_accuracy"] == 1.0
    assert judged[0]["dev_kl"] == 0.0 and figures["kept_step"] == 16.0
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    assert not (tmp_path / "out" / "value_head.safetensors").exists()


@pytest.mark.parametrize(("method", "loss"), [("dpo", 0.693147), ("kto", 0.5), ("ipo", 25.0)])
def test_the_reference_is_the_policy_before_any_step(
    method: Method, loss: float, model: Path, pairs: Path, tmp_path: Path
) -> None:
    # All log-ratios are 0: -log sigmoid(0), 1 - sigmoid(0), and (0 - 1 / (2 * 0.1))^2.
    rows, _, _ = trained(replace(SMALL, method=method, max_steps=1), model, pairs, tmp_path)
    assert next(row["loss"] for row in rows if "loss" in row) == pytest.approx(loss, abs=1e-6)


def test_thumbs_that_make_no_pair_teach_kto(model: Path, thumbs: Path, tmp_path: Path) -> None:
    config = replace(SMALL, method="kto", max_steps=16, judge_every=16, max_kl=1e9)
    rows, _, _ = trained(config, model, thumbs, tmp_path)
    judged = [row for row in rows if "dev_loss" in row]
    assert judged[-1]["dev_loss"] < judged[0]["dev_loss"] and judged[-1]["dev_accuracy"] == 1.0


def test_good_and_bad_answers_weigh_alike_however_many_there_are(model: Path, thumbs: Path) -> None:
    config = replace(SMALL, method="kto", held_out=0.0)
    found = material(config, model, thumbs).train
    # Of twelve thumbs four are down: each up counts a half.
    assert [one.weight for one in found if one.good] == [0.5] * 8
    assert [one.weight for one in found if not one.good] == [1.0] * 4
    set_by_hand = material(replace(config, good_weight=2.0), model, thumbs).train
    assert {one.weight for one in set_by_hand if one.good} == {2.0}


def test_no_conversation_is_learnt_from_and_held_out(model: Path, tmp_path: Path) -> None:
    rows = [row | {"chosen": f"{GOOD} {n}"} for row in pair_rows() for n in range(2)]
    found = material(SMALL, model, write_rows(tmp_path / "pairs.jsonl", rows))
    sides = [{example.prompt.text for example in side} for side in (found.train, found.held_out)]
    # A quarter of twelve conversations, with two pairs each.
    assert (len(found.train), len(found.held_out)) == (18, 6) and not sides[0] & sides[1]


def test_what_is_too_long_is_left_out_and_counted(model: Path, pairs: Path) -> None:
    lengths = sorted(len(one.prompt.ids) for one in material(SMALL, model, pairs).train)
    found = material(replace(SMALL, held_out=0.0, window=lengths[0]), model, pairs)
    assert 0 < len(found.train) == 12 - found.left_out
    with pytest.raises(DataMissing, match="--answer-tokens 1"):
        material(replace(SMALL, answer_tokens=1), model, pairs)


def test_a_pair_counts_by_the_comparisons_behind_it(model: Path, pairs: Path, tmp_path: Path) -> None:
    config = replace(SMALL, batch_size=2, max_steps=1, held_out=0.0, judge_every=0, learning_rate=0.0, method="simpo")
    two = pair_rows(2)
    losses = {}
    for name, weights in (("first", (1.0, 0.0)), ("second", (0.0, 1.0)), ("both", (1.0, 3.0))):
        rows = [row | {"weight": max(weight, 1e-9)} for row, weight in zip(two, weights, strict=True)]
        found, _, _ = trained(config, model, write_rows(tmp_path / f"{name}.jsonl", rows), tmp_path / name)
        losses[name] = found[-1]["loss"]
    assert losses["first"] != losses["second"]
    assert losses["both"] == pytest.approx((losses["first"] + 3 * losses["second"]) / 4, abs=1e-5)


def test_micro_batches_make_the_same_step(model: Path, pairs: Path, tmp_path: Path) -> None:
    kept = []
    for size in (1, 4):
        trained(replace(SMALL, micro_batch_size=size, judge_every=0), model, pairs, tmp_path / str(size))
        kept.append(load_file(tmp_path / str(size) / "out" / "adapter_model.safetensors"))
    assert all(torch.allclose(kept[0][name], kept[1][name], atol=2e-4) for name in kept[0])


def test_only_the_adapter_changes_and_stock_peft_reads_it(model: Path, pairs: Path, tmp_path: Path) -> None:
    before = load_file(model / "model.safetensors")
    config = replace(SMALL, judge_every=0)
    found = material(config, model, pairs)
    trainer = Trainer(config, model, None, found, [], None)
    at_first = {name: value.detach().clone() for name, value in trainer.policy.model.named_parameters()}
    for _ in range(4):
        trainer.step()
    changed = {
        name for name, value in trainer.policy.model.named_parameters() if not torch.equal(value, at_first[name])
    }
    assert changed and all(".policy." in name for name in changed)
    with a_run(config, pairs, tmp_path) as run:
        trainer.finish(run, tmp_path / "out")
    loaded = T5ForConditionalGeneration.from_pretrained(model, local_files_only=True)
    assert all(torch.equal(value, before[name]) for name, value in loaded.state_dict().items() if name in before)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        stock = PeftModel.from_pretrained(loaded, str(tmp_path / "out")).eval()
    example = found.train[0]
    source, answer = torch.tensor([example.prompt.ids]), torch.tensor([example.answers[0]])
    with torch.no_grad():
        logits = stock(input_ids=source, labels=answer).logits
        by_stock = torch.log_softmax(logits, -1).gather(-1, answer.unsqueeze(-1)).squeeze(-1)
        encoded = trainer.policy.encode(source, torch.ones_like(source))
        everything = torch.ones_like(answer, dtype=torch.bool)
        ours = trainer.policy.evaluate_tokens(encoded, torch.ones_like(source), answer, everything).logprobs
    assert torch.allclose(by_stock, ours, atol=1e-5)


def test_a_run_that_was_asked_to_stop_goes_on_where_it_stood(model: Path, pairs: Path, tmp_path: Path) -> None:
    for method in ("dpo", "kto"):
        config: PreferConfig = replace(SMALL, method=method, save_every=100)
        wanted, _, folder = trained(config, model, pairs, tmp_path / method)
        stop = StopRequested()

        def stop_after_two(figures: Any, stop: StopRequested = stop) -> None:
            stop.requested = figures["step"] >= 2

        found = material(config, model, pairs)
        prompts = [example.prompt for example in found.held_out]
        out = tmp_path / method / "again"
        with a_run(config, pairs, tmp_path) as run:
            train(config, model, None, found, prompts, out, run, stop, report=stop_after_two)
            assert run.load()[0] == 3 and not out.exists()  # type: ignore[index]
            train(config, model, None, found, prompts, out, run, StopRequested())
            again = [{k: v for k, v in row.items() if k != "time/seconds"} for row in run.metrics()]
        assert again == [{k: v for k, v in row.items() if k != "time/seconds"} for row in wanted]
        one, other = (load_file(place / "adapter_model.safetensors") for place in (out, folder.parent / "out"))
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_is_not_resumed_with_another_model(model: Path, pairs: Path, tmp_path: Path) -> None:
    other = build_tiny_model(tmp_path / "other", seed=1)
    found = material(SMALL, model, pairs)
    with a_run(SMALL, pairs, tmp_path) as run:
        train(SMALL, model, None, found, [], tmp_path / "out", run, StopRequested())
        with pytest.raises(UsageError, match="model or its adapter changed"):
            train(SMALL, other, None, found, [], tmp_path / "out", run, StopRequested())


def test_the_appraiser_s_favourite_is_kept_and_what_has_nothing_to_spare_is_not(
    model: Path, pairs: Path, tmp_path: Path
) -> None:
    # Before step 1 and after each of three: the 9 has nothing to spare, so that the 5 after step 1 stays the best.
    verdicts = iter([(1.0, 0.0), (5.0, 0.0), (9.0, -0.1), (3.0, 1.0)])
    config = replace(SMALL, max_steps=3, judge_every=1, max_kl=1e9)
    _, figures, _ = trained(config, model, pairs, tmp_path, appraise=lambda policy: next(verdicts))
    assert (figures["kept_step"], figures["best_judge"]) == (1.0, 5.0)


def test_nothing_beyond_the_bound_on_kl_is_kept(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, liked = iter([0.0, 9.0, 2.0]), iter([1.0, 5.0, 3.0])
    monkeypatch.setattr(Trainer, "_kl", lambda trainer: next(far))
    config = replace(SMALL, max_steps=2, judge_every=1, max_kl=3.0)
    _, figures, _ = trained(config, model, pairs, tmp_path, appraise=lambda policy: (next(liked), 0.0))
    assert (figures["kept_step"], figures["best_judge"], figures["kl"]) == (2.0, 3.0, 2.0)


def test_a_gradient_that_is_no_number_stops_the_run(
    model: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.prefer.maths.dpo_losses", lambda one, other, beta, smoothing: one * float("nan"))
    with pytest.raises(TrainingStopped, match="was nan at step 1: lower learning_rate"):
        trained(replace(SMALL, judge_every=0), model, pairs, tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"label_smoothing": 0.5}, "below 0.5"),
        ({"method": "ipo", "label_smoothing": 0.1}, "ipo takes no label_smoothing"),
        ({"method": "orpo", "chosen_weight": 0.1}, "orpo takes no chosen_weight"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    change: dict[str, Any], complaint: str, model: Path, pairs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=complaint):
        trained(replace(SMALL, **change), model, pairs, tmp_path)


_OUT_OF_RANGE = (
    *(("held-out", "1.5"), ("held-out", "-0.5"), ("held-out", "1"), ("batch-size", "0"), ("micro-batch-size", "0")),
    *(("save-every", "0"), ("log-every", "0"), ("judge-every", "-1"), ("epochs", "0"), ("epochs", "-1")),
    *(("beta", "nan"), ("beta", "-1"), ("beta", "inf"), ("margin", "nan"), ("kl-prompts", "-1"), ("max-steps", "-1")),
    *(
        ("learning-rate", "-1"),
        ("learning-rate", "nan"),
        ("max-kl", "nan"),
        ("warmup-share", "2"),
        ("lora-rank", "0"),
        ("temperature", "0"),
    ),
)


@pytest.mark.parametrize("stage", ["prefer", "ppo", "rlhf"])
def test_numbers_out_of_range_are_refused_by_name(stage: str, pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {leaf.name.replace("_", "-") for leaf in leaves(STAGES_CONFIG[stage])}
    tried = [(name, value) for name, value in _OUT_OF_RANGE if name in known]
    for name, value in tried:
        for more in ([], ["--dry-run"]):
            assert run_line([stage, f"--data={pairs}", f"--{name}={value}", *more]) == 2, (name, value)
            assert capsys.readouterr().err.startswith(f"assistant-train: {name.replace('-', '_')}: expected "), (
                name,
                value,
            )
    assert len(tried) >= 5


def test_answers_of_kto_s_kl_belong_to_other_prompts() -> None:
    def batch(*asked: str) -> list[Example]:
        return [Example(PromptIds(text, [1]), ((n,),), True, 1.0) for n, text in enumerate(asked)]

    # By two places: by one, the second and the fourth would get an answer to their own prompt.
    found = mismatched(batch("a", "a", "b", "b"))
    assert [(one.prompt.text, one.answers) for one in found] == [
        ("a", ((2,),)),
        ("a", ((3,),)),
        ("b", ((0,),)),
        ("b", ((1,),)),
    ]
    # Three of one prompt and one of another: only two can be strange to each other.
    found = mismatched(batch("a", "a", "a", "b"))
    assert [(one.prompt.text, one.answers) for one in found] == [("a", ((3,),)), ("b", ((0,),))]
    assert mismatched(batch("a", "a")) == mismatched(batch("a")) == []


def test_the_last_weights_are_not_written_beyond_the_bound_on_kl(model: Path, pairs: Path, tmp_path: Path) -> None:
    config = replace(SMALL, judge_every=0, learning_rate=0.3, max_kl=1e-6)
    with pytest.raises(TrainingStopped, match=r"KL to the original is .* \(max_kl 1e-06\)"):
        trained(config, model, pairs, tmp_path)
    assert not (tmp_path / "out").exists()


def test_thumbs_alone_point_to_kto_and_one_kind_of_thumb_is_too_little(model: Path, tmp_path: Path) -> None:
    rows = thumb_rows()
    with pytest.raises(DataMissing, match="12 thumbs and no pair: --method kto"):
        material(SMALL, model, write_rows(tmp_path / "thumbs.jsonl", rows))
    good = write_rows(tmp_path / "good.jsonl", [row | {"label": True} for row in rows])
    with pytest.raises(DataMissing, match="one kind"):
        material(replace(SMALL, method="kto"), model, good)


def test_a_model_with_tags_learns_tags(model: Path, pairs: Path, tmp_path: Path) -> None:
    tagged = replace(version_at(model), speaker_tags=("#Person1#", "#Person2#"))
    rows = [row | {"chosen": "Maya moves the review."} for row in pair_rows()]
    preferred = read_preferred([write_rows(tmp_path / "pairs.jsonl", rows)])
    example = material_of(preferred, None, tagged, SMALL).train[0]
    assert ModelTokenizer(model).decode(example.answers[0]) == "#Person1# moves the review."


def test_the_stage_runs_from_the_command_line_and_resumes(
    model: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_stage(capsys, f"--model={model}", f"--data={pairs}", *QUICK, f"--out={tmp_path}")
    assert result["adapter"] == str(tmp_path) and (tmp_path / "adapter_model.safetensors").is_file()
    assert (result["method"], result["learnt"], result["held_out"]) == ("dpo", 11, 1)
    assert Path(result["curves"]).is_file() and "version" not in result
    assert run_line(["prefer", "--resume", result["run"]]) == 0
    assert "kept step" in capsys.readouterr().out.replace("_", " ")


def test_a_run_makes_one_version_and_the_next_trains_its_adapter_further(
    model: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_stage(capsys, f"--data={pairs}", *QUICK, f"--model={model}")
    assert promoted_ref() is None
    facts = read_facts(first["version"])
    assert facts is not None and facts.adapter and (facts.base, facts.parent) == (str(model), "")
    assert (facts.method, facts.run) == ("dpo", first["run"]) and facts.config["max_steps"] == 4
    assert run_stage(capsys, "--resume", first["run"])["version"] == first["version"]
    second = run_stage(capsys, f"--data={pairs}", *QUICK, f"--model={first['version']}", "--learning-rate=0")
    facts = read_facts(second["version"])
    assert facts is not None and (facts.base, facts.parent) == (str(model), first["version"])
    # At a rate of 0 the copy is what it was copied from.
    kept, parent = (load_file(Path(result["adapter"]) / "adapter_model.safetensors") for result in (second, first))
    assert all(torch.equal(kept[name], parent[name]) for name in parent)


def test_without_files_the_store_s_ratings_are_learnt_and_linked(
    model: Path, pairs: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert run_line(["prefer", f"--model={model}"]) == 3
    assert "nothing was rated yet" in capsys.readouterr().err
    rows = [row | {"prompt": row["dialogue"]} for row in pair_rows()]
    with Store.open() as store:
        import_lines(store, write_rows(home / "rated.jsonl", rows))
    before = sorted(home.rglob("*.jsonl"))
    assert run_stage(capsys, f"--model={model}", "--dry-run")["examples"]["learnt"] == 11
    assert sorted(home.rglob("*.jsonl")) == before, "a dry run writes nothing"
    result = run_stage(capsys, f"--model={model}", *QUICK)
    with Store.open() as store:
        assert len(store.judgements.sources_of(result["version"])) == 12


def test_a_dry_run_reads_what_a_run_would_and_refuses_the_same(
    model: Path, pairs: Path, thumbs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    plan = run_stage(capsys, f"--model={model}", f"--data={pairs}", "--dry-run", "--batch-size=4", "--epochs=2")
    # Eleven pairs twice in fours: 5.5 steps.
    assert plan["examples"] == {"learnt": 11, "held_out": 1, "left_out": 0} and plan["steps"] == 6
    broken = write_rows(tmp_path / "broken.jsonl", [{"dialogue": "A: a", "chosen": GOOD}])
    for words in ([f"--data={thumbs}"], [f"--data={broken}"]):
        codes = [run_line(["prefer", f"--model={model}", *words, *more]) for more in ([], ["--dry-run"])]
        assert codes[0] == codes[1] in (2, 3), capsys.readouterr().err
    assert not list(home.rglob("manifest.json"))


def test_rankings_are_pairs_too(model: Path, tmp_path: Path) -> None:
    row = {"dialogue": "Maya: Hello.", "ranking": [[GOOD], [BAD]], "fail": ["No."]}
    place = tmp_path / "ranked.jsonl"
    place.write_text(json.dumps(row) + "\n")
    # Good over bad, and each over what failed.
    assert len(material(replace(SMALL, held_out=0.0), model, place).train) == 3


def test_the_rate_follows_the_schedule(model: Path, pairs: Path, tmp_path: Path) -> None:
    config = replace(SMALL, max_steps=4, warmup_share=0.25, learning_rate=4e-3, lr_schedule="inverse_sqrt")
    rows, _, _ = trained(config, model, pairs, tmp_path)
    # One step rises; step n, from 0, then has sqrt(1 / n) of the rate.
    assert [row["lr"] for row in rows if "lr" in row] == pytest.approx([4e-3, 4e-3, 4e-3 / 2**0.5, 4e-3 / 3**0.5])
