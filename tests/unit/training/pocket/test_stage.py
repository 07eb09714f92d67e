"""Pocket's recipe on a model of 30,000 parameters, from rows to a folder that transformers reads."""

import dataclasses
import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file
from transformers import AutoTokenizer, T5ForConditionalGeneration

from assistant.errors import DataMissing, TrainingStopped, UsageError
from assistant.models.registry import resolve
from assistant.settings import Settings
from tests.tiny_models import TINY_POCKET as TINY
from training import cli
from training.pocket import stage as pocket
from training.pocket.config import PocketConfig
from training.pocket.corpus import read_corpus
from training.pocket.encoding import Corpus, augmented, epoch_batches, example, gather
from training.pocket.model import SharedDropout, build_model, warm_start_embeddings
from training.pocket.tokenizer import train_tokenizer
from training.runs.data.batches import IGNORED, collate
from training.runs.job import Job
from training.runs.model_card import Card, CardData, write_card
from training.runs.run import Run, StopRequested, list_runs

_THINGS = ["report", "window", "ticket", "garden", "letter", "bridge"]
ROWS = [
    {
        "dialogue": f"#Person1#: Where is the {thing}?\n#Person2#: The {thing} is at number {number}.",
        "summary": f"#Person1# asks #Person2# for the {thing} at {number}.",
        "topic": f"the {thing}",
    }
    for number, thing in enumerate(_THINGS * 4)
]


def a_run(tmp_path: Path, config: PocketConfig = TINY) -> Run:
    data = tmp_path / "data.jsonl"
    data.write_text("{}\n")
    return Run.start("pocket", config, [data], config.seed)


def train(tmp_path: Path, run: Run, config: PocketConfig = TINY, **more: Any) -> dict[str, float]:
    try:
        stop = more.pop("stop", StopRequested())
        return pocket.train(config, ROWS, ROWS[:4], tmp_path / "model", run, stop, **more)
    finally:
        run.close()


def weights(tmp_path: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(tmp_path / "model" / "model.safetensors"))


def test_training_writes_a_folder_that_transformers_reads(tmp_path: Path) -> None:
    figures = train(tmp_path, a_run(tmp_path))
    model = T5ForConditionalGeneration.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert sum(parameter.numel() for parameter in model.parameters()) == figures["parameters"]
    assert figures["steps"] == 4
    ids = tokenizer("#Person1#: Hi", return_tensors="pt").input_ids
    assert ids[0, -1] == model.config.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == "#Person1#: Hi"
    assert model.generate(ids, max_new_tokens=3).shape[0] == 1
    files = list((tmp_path / "model").iterdir())
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_stopped_and_resumed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    config = replace(TINY, dropout=0.2, source_dropout=0.2)
    whole = tmp_path / "whole"
    whole.mkdir()
    train(whole, a_run(whole, config), config)
    run = a_run(tmp_path, config)
    stop = StopRequested()

    def ask_to_stop(figures: Mapping[str, float]) -> None:
        stop.requested = figures["step"] == 3

    train(tmp_path, run, config, stop=stop, report=ask_to_stop)
    assert not (tmp_path / "model").exists()
    resumed = Run.resume("pocket", run.name, config, [tmp_path / "data.jsonl"])
    steps: list[float] = []
    train(tmp_path, resumed, config, report=lambda figures: steps.append(figures["step"]))
    assert steps == [4]
    found, expected = weights(tmp_path), weights(whole)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_run_over_several_epochs_resumes_where_it_stood(tmp_path: Path) -> None:
    config = replace(TINY, batch_tokens=1000, max_steps=5)
    batches = len(list(epoch_batches(config, _corpus(), _tokenizer(), 0)))
    assert batches == 2
    whole = tmp_path / "whole"
    whole.mkdir()
    assert train(whole, a_run(whole, config), config)["epochs"] == 2
    run, stop = a_run(tmp_path, config), StopRequested()

    def ask_to_stop(figures: Mapping[str, float]) -> None:
        stop.requested = figures["step"] == 4  # The last batch of the second epoch.

    train(tmp_path, run, config, stop=stop, report=ask_to_stop)
    train(tmp_path, Run.resume("pocket", run.name, config, [tmp_path / "data.jsonl"]), config)
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(tmp_path).items())


def test_training_lowers_the_loss_on_held_out_rows(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    train(tmp_path, run, replace(TINY, max_steps=60, save_every=20))
    losses = [row["dev_loss"] for row in run.metrics() if "dev_loss" in row]
    assert losses[-1] < losses[0] - 0.5


def test_rows_longer_than_the_window_are_left_out_and_counted(tmp_path: Path) -> None:
    long = {"dialogue": "#Person1#: " + "far too long " * 200, "summary": "Long."}
    run = a_run(tmp_path)
    figures = pocket.train(TINY, [*ROWS, long, long], ROWS[:4], tmp_path / "model", run, StopRequested())
    run.close()
    assert figures["left_out"] == 2
    assert figures["rows"] == len(ROWS) + 2
    assert {"step": 0, "left_out": 2} in run.metrics()


def test_rows_that_are_all_too_long_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="none of the 24 dialogues fits"):
        train(tmp_path, a_run(tmp_path), replace(TINY, window=5))


def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path)
    loss = pocket._State._loss

    def diverging(state: Any, *arguments: Any) -> torch.Tensor:
        return loss(state, *arguments) * (float("nan") if state.steps == 3 else 1.0)

    monkeypatch.setattr(pocket._State, "_loss", diverging)
    with pytest.raises(TrainingStopped, match="nan at step 3"):
        train(tmp_path, run)
    step, _ = run.load() or (0, {})
    assert step == 2


@pytest.mark.parametrize("share", ["word_dropout", "source_dropout", "dropout"])
def test_something_else_is_hidden_or_dropped_each_time(share: str) -> None:
    state = pocket._State(replace(TINY, **{"word_dropout": 0.0, share: 0.5}), _tokenizer())
    batch = next(epoch_batches(TINY, _corpus(), _tokenizer(), 0))
    with torch.no_grad():
        first, second = (float(state._loss(batch)) for _ in range(2))
        assert first != second


def test_a_likelihood_is_summed_over_the_labels_that_count() -> None:
    # Logits 0 and ln 3 are probabilities of 1/4 and 3/4: ln 3/4 + ln 1/4 = -0.28768 - 1.38629 = -1.67398.
    logits = torch.tensor([[[0.0, math.log(3)]] * 3])
    assert float(pocket.log_likelihood(logits, torch.tensor([[1, 0, IGNORED]]))) == pytest.approx(-1.67398, abs=1e-5)


def test_a_summary_comes_with_itself_exchanged_where_it_names_who_did_it() -> None:
    config, tokenizer, rng = replace(TINY, contrast=1.0, topics=0.0, renames=0.0), _tokenizer(), random.Random(1)
    made = augmented(ROWS[0], config, tokenizer, rng)
    assert tokenizer.decode(made.target) == "#Person1# asks #Person2# for the report at 0."
    assert tokenizer.decode(made.exchanged) == "#Person2# asks #Person1# for the report at 0."
    assert augmented(ROWS[0], replace(config, contrast=0.0), tokenizer, rng).exchanged == ()
    nobody = ROWS[0] | {"summary": "The report is at 0."}
    assert augmented(nobody, config, tokenizer, rng).exchanged == ()


@torch.no_grad()
def test_the_margin_is_the_difference_of_both_targets_likelihoods() -> None:
    state = pocket._State(TINY, _tokenizer())
    told = [example(row["dialogue"], row["summary"], "summary", None, _tokenizer()) for row in ROWS[:2]]
    nobody = example(ROWS[2]["dialogue"], "Number 2.", "summary", None, _tokenizer())
    logits, margins = state._read(collate([told[0], nobody, told[1]], 0), 0.0)

    def likelihood(source: Sequence[int], target: Sequence[int]) -> float:
        # transformers' own loss of one example: the mean over its labels.
        output = state.model(input_ids=torch.tensor([source]), labels=torch.tensor([target]))
        return -float(output.loss) * len(target)

    wanted = [likelihood(one.source, one.target) - likelihood(one.source, one.exchanged) for one in told]
    assert margins.tolist() == pytest.approx(wanted, abs=1e-4)
    assert len(logits) == 3


@torch.no_grad()
def test_the_same_words_are_hidden_from_both_targets() -> None:
    batch = next(epoch_batches(TINY, _corpus(), _tokenizer(), 0))
    _, margins = pocket._State(TINY, _tokenizer())._read(dataclasses.replace(batch, exchanged=batch.labels), 0.5)
    assert margins.tolist() == pytest.approx([0.0] * len(batch.labels), abs=1e-5)


@torch.no_grad()
def test_contrast_adds_the_logistic_loss_of_the_margins() -> None:
    plain = replace(TINY, topics=0.0, word_dropout=0.0)
    contrasted = replace(plain, contrast=2.0)
    batch = next(epoch_batches(contrasted, _corpus(), _tokenizer(), 0))
    bare = next(epoch_batches(plain, _corpus(), _tokenizer(), 0))
    state = pocket._State(contrasted, _tokenizer())
    _, margins = state._read(batch, 0.0)
    # Twice the mean of -ln sigmoid(margin) = ln(1 + e^-margin).
    added = 2.0 * sum(math.log1p(math.exp(-margin)) for margin in margins.tolist()) / len(margins)
    assert float(state._loss(batch)) == pytest.approx(float(state._loss(bare)) + added, abs=1e-5)


def test_an_epoch_is_the_same_for_the_same_seed_and_another_for_the_next() -> None:
    one, again, other = ([b.input_ids for b in epoch_batches(TINY, _corpus(), _tokenizer(), e)] for e in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert len(one) != len(other) or not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_names_replace_tags_in_the_configured_share() -> None:
    tokenizer, rng = _tokenizer(), random.Random(1)
    config = replace(TINY, names=1.0)
    example = augmented(ROWS[0], config, tokenizer, rng)
    assert "#Person" not in tokenizer.decode(example.source)
    example = augmented(ROWS[0], replace(TINY, names=0.0, swaps=0.0), tokenizer, rng)
    assert "#Person1#: Where" in tokenizer.decode(example.source)


def test_dialogues_begin_late_in_the_configured_share() -> None:
    row = {
        "dialogue": "#Person1#: Hi.\n#Person2#: Tea?\n#Person1#: Yes.\n#Person2#: Here.",
        "summary": "#Person1# has tea.",
    }
    config = replace(TINY, topics=0.0, chats=0.0, renames=0.0)
    for share, source, target in (
        (0.0, "#Person1#: Hi.\n#Person2#: Tea?", "#Person1# has tea."),
        (1.0, "#Person1#: Tea?\n#Person2#: Yes.", "#Person2# has tea."),
    ):
        made = augmented(row, replace(config, late=share), _tokenizer(), random.Random(1))
        assert source.replace("\n", " ") in " ".join(_tokenizer().decode(made.source).split())
        assert _tokenizer().decode(made.target) == target


def test_groups_are_made_in_the_configured_share_and_a_dialogue_comes_once() -> None:
    tokenizer = _tokenizer()
    for share, groups in ((0.0, 0), (1.0, len(ROWS))):
        config = replace(TINY, groups=share, topics=0.0, chats=0.0, renames=0.0, default_phrasing=1.0)
        sources = [
            tokenizer.decode([i for i in source if i])
            for batch in epoch_batches(config, _corpus(), tokenizer, 0)
            for source in batch.input_ids.tolist()
        ]
        assert len(sources) == len(ROWS)
        assert sum("#Person3#" in source for source in sources) == groups
        asked = sorted(source.partition("#Person1#: Where is the ")[2].split("?")[0] for source in sources)
        assert asked == sorted(_THINGS * 4)


def test_the_exported_model_says_which_tags_it_reads_for_speakers(tmp_path: Path) -> None:
    config = replace(TINY, max_steps=2, pieces=600)
    run = a_run(tmp_path, config)
    # In this vocabulary two tags are pieces of their own; the third is put together.
    talk = ["hears #Person1# and #Person2# and #Person1#, #Person2#, (#Person1# (#Person2#"] * 9
    train_tokenizer(talk, 600).save(str(run.folder / "tokenizer.json"))
    train(tmp_path, run, config)
    assert resolve(str(tmp_path / "model"), Settings()).speaker_tags == ("#Person1#", "#Person2#")


def test_embeddings_start_from_minilm_with_the_deviation_that_t5_expects() -> None:
    config = replace(TINY, width=64, pieces=1000)
    tokenizer = train_tokenizer([row["dialogue"] for row in ROWS] * 5, 1000)
    model = build_model(replace(config, pieces=tokenizer.get_vocab_size()))
    before = model.shared.weight.detach().clone()
    count = warm_start_embeddings(model, tokenizer)
    changed = (model.shared.weight != before).any(dim=1)
    assert int(changed.sum()) == count > 100
    # Of 64 rows at least; the projection has deviation 1 over MiniLM's whole vocabulary.
    assert 0.5 < float(model.shared.weight.detach()[changed].std()) < 2


def test_a_second_training_goes_on_from_the_first_one_s_weights_and_tokenizer(tmp_path: Path) -> None:
    train(tmp_path, a_run(tmp_path), replace(TINY, max_steps=60, save_every=60))
    first = tmp_path / "model"
    run = a_run(tmp_path)
    more = replace(TINY, max_steps=1, save_every=1, learning_rate=1e-6)
    pocket.train(more, ROWS, ROWS[:4], tmp_path / "second", run, StopRequested(), start=first)
    run.close()
    assert (tmp_path / "second" / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (first, tmp_path / "second"))
    # One step at a rate of a millionth: what differs is less than float16 shows.
    assert all(torch.allclose(after[name].float(), before[name].float(), atol=1e-3) for name in before)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    train(tmp_path, a_run(tmp_path))
    with pytest.raises(UsageError, match="another shape"):
        train(tmp_path, a_run(tmp_path), replace(TINY, width=32), start=tmp_path / "model")


def test_every_layer_has_the_configured_dropout_and_what_is_written_has_none(tmp_path: Path) -> None:
    config = replace(TINY, dropout=0.5, word_dropout=0.0, source_dropout=0.0)
    state = pocket._State(config, _tokenizer())
    # One in either half, in three layers of attention, and two in each feed-forward layer: 2 + 3 + 2 x 2.
    assert [module.keep for module in state.model.modules() if isinstance(module, SharedDropout)] == [0.5] * 9
    train(tmp_path, a_run(tmp_path, config), config)
    written = T5ForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert written.config.dropout_rate == 0.0


@torch.no_grad()
def test_hidden_words_of_the_source_cannot_be_read_and_the_end_can() -> None:
    state = pocket._State(TINY, _tokenizer())
    one, other = (example(text, "Yes.", "summary", None, _tokenizer()) for text in ("#Person1#: 1 2", "#Person1#: 3 4"))
    assert len(one.source) == len(other.source) and one.source != other.source
    (first, _), (second, _) = (state._read(collate([made], 0), 0.0, 1.0) for made in (one, other))
    assert torch.equal(first, second)
    endless = dataclasses.replace(one, source=[*one.source[:-1], one.source[-2]])
    assert not torch.allclose(first, state._read(collate([endless], 0), 0.0, 1.0)[0])
    assert not torch.allclose(first, state._read(collate([one], 0))[0])


def test_what_is_written_is_the_mean_of_what_was_trained_and_of_the_others(tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    train(alone, a_run(alone))
    folders = [tmp_path / "one", tmp_path / "two"]
    vocabulary = T5ForConditionalGeneration.from_pretrained(alone / "model").config.vocab_size
    others = [build_model(replace(TINY, pieces=vocabulary, seed=seed)) for seed in (2, 3)]
    for folder, other in zip(folders, others, strict=True):
        other.save_pretrained(folder)
    train(tmp_path, a_run(tmp_path), others=folders)
    trained, blended, (two, three) = weights(alone), weights(tmp_path), [other.state_dict() for other in others]
    for name, value in blended.items():
        expected = (trained[name].float() + two[name] + three[name]) / 3
        assert torch.allclose(value.float(), expected, atol=1e-3, rtol=2e-3), name  # float16 has three digits


def test_weights_of_another_shape_are_not_blended(tmp_path: Path) -> None:
    build_model(replace(TINY, encoder_layers=2)).save_pretrained(tmp_path / "deeper")
    run = a_run(tmp_path)
    with pytest.raises(UsageError, match="deeper has another shape"):
        train(tmp_path, run, others=[tmp_path / "deeper"])
    assert not run.metrics()


def test_a_step_in_bfloat16_learns_as_one_in_float32(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    train(tmp_path, run, replace(TINY, max_steps=60, save_every=20, precision="bfloat16"))
    losses = [row["dev_loss"] for row in run.metrics() if "dev_loss" in row]
    assert losses[-1] < losses[0] - 0.5


def test_pocket_without_data_says_what_it_needs() -> None:
    with pytest.raises(UsageError, match="--data"):
        pocket.run(Job(stage="pocket", config=TINY))


def test_rows_held_out_are_not_trained_on(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(f'{{"dialogue": "A: {i % 30}", "summary": "{i}"}}\n' for i in range(60)))
    rows, held_out = read_corpus([data], None)
    # Rows 1, 21 and 41 are held out; 31 and 51 are the same dialogues as 1 and 21, and 11 the same as 41.
    assert [row["summary"] for row in held_out] == ["1", "21", "41"]
    assert len(rows) == 54
    assert not {row["dialogue"] for row in rows} & {row["dialogue"] for row in held_out}


@pytest.fixture
def begun(tmp_path: Path) -> Run:
    """A run that was started with a file of ROWS and stopped before its first step."""
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    job = Job(stage="pocket", config=TINY, data=(data,), out=tmp_path / "model")
    with job.open_run() as run:
        return run


def test_resuming_needs_nothing_said_again_and_makes_a_model_that_can_serve(
    begun: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["pocket", "--resume", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["run"], made["model"], made["steps"]) == (begun.name, str(tmp_path / "model"), 4)
    assert (tmp_path / "model" / "ctranslate" / "model.bin").exists()
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"{made['dev_loss']:.3f} (n = 2)" in card
    assert cli.run(["runs"]) == 0
    assert "finished" in capsys.readouterr().out


def test_resuming_with_another_setting_or_other_data_is_refused(
    begun: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["pocket", "--resume", begun.name, "--learning-rate", "0.1"]) == 2
    assert "other settings (learning_rate)" in capsys.readouterr().err
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1]) + "\n")
    assert cli.run(["pocket", "--resume"]) == 2
    assert "the data changed" in capsys.readouterr().err


def test_a_job_that_goes_wrong_leaves_its_reason_in_the_run(begun: Run) -> None:
    job = Job(stage="pocket", config=TINY, data=(Path(begun.manifest.inputs["data"][0]),), resume=begun.name)
    with pytest.raises(TrainingStopped), job.open_run():
        raise TrainingStopped("the loss was nan")
    (summary,) = list_runs()
    assert (summary.state, summary.outcome) == ("failed", "TrainingStopped: the loss was nan")


def test_a_card_names_data_figures_limits_and_licence(tmp_path: Path) -> None:
    card = Card(
        title="Toy",
        summary="A toy.",
        licence="CC BY 4.0",
        data=[CardData("train.jsonl", 12000, "training")],
        figures={"loss": "3.400"},
        limits=["It is a toy."],
        command="assistant-train pocket",
    )
    text = write_card(tmp_path, card).read_text()
    assert text.startswith("---\nlicense: CC BY 4.0\n---\n")
    assert not write_card(tmp_path, replace(card, licence="")).read_text().startswith("---")
    for part in ("# Toy", "CC BY 4.0", "| train.jsonl | 12,000 | training |", "| loss | 3.400 |", "- It is a toy."):
        assert part in text


def _tokenizer() -> Any:
    return train_tokenizer([row["dialogue"] + row["summary"] for row in ROWS] * 5, 400)


def _corpus() -> Corpus:
    return gather(ROWS, TINY, _tokenizer())
