"""From data files to a model that Parley serves, and what is drawn on the way."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from assistant.engine.client import Engine
from assistant.errors import DataMissing, UsageError
from assistant.models.registry import resolve
from assistant.records import GenerationSettings
from assistant.settings import Settings
from training.pocket.corpus import TAGS
from training.pocket.gpu.bundle import LENGTHS, read_bundle
from training.pocket.gpu.drawing import Batches
from training.pocket.gpu.exporting import export
from training.pocket.gpu.preparing import prepare
from training.pocket.gpu.training import Options, train

_THINGS = ["report", "window", "ticket", "garden", "letter", "bridge"]
_TALKS = [
    {
        "dialogue": f"Maya: Where is the {thing}?\nTom: The {thing} is at number {number}.",
        "summary": f"Maya asks Tom for the {thing} at {number}.",
        "split": "train" if number % 3 else "test",
    }
    for number, thing in enumerate(_THINGS * 4)
]
_TEXTS = [{"text": " ".join(f"The {a} stands by the {b}." for a in _THINGS for b in _THINGS) * n} for n in (1, 3)]
_TASKS = [{"input": f"Where is the {thing}?", "target": f"By the {thing}."} for thing in _THINGS]
_MIXTURE = """
[[pretraining]]
file = "texts.jsonl"
weight = 2
[[pretraining]]
file = "tasks.jsonl"
[[tuning]]
file = "talks.jsonl"
split = "train"
copies = 2
[[held_out]]
file = "talks.jsonl"
split = "test"
[shape]
vocab_size = 500
d_model = 16
d_kv = 8
d_ff = 32
num_heads = 2
num_layers = 2
num_decoder_layers = 1
"""
_QUICK = Options(max_steps=20, step_tokens=1024, warmup_steps=2, workers=0, log_every=1, save_seconds=3600)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, rows in (("texts", _TEXTS), ("tasks", _TASKS), ("talks", _TALKS)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    place = folder / "mixture.toml"
    place.write_text(_MIXTURE, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def bundle(mixture: Path) -> Path:
    prepare(mixture, mixture.parent / "bundle")
    return mixture.parent / "bundle"


def _texts(tokenizer: Tokenizer, ids: npt.NDArray[np.int64], docs: npt.NDArray[np.int64]) -> list[str]:
    """What the documents of packed rows say."""
    return [
        tokenizer.decode(row[of == number].tolist(), skip_special_tokens=False)
        for row, of in zip(ids, docs, strict=True)
        for number in range(1, of.max() + 1)
    ]


def test_a_bundle_has_the_data_as_small_ids_and_says_how_much(mixture: Path, bundle: Path) -> None:
    found = read_bundle(bundle)
    names = [(one.phase, one.name, one.kind, len(one)) for one in found.sources]
    assert names == [
        ("pretraining", "texts.jsonl", "texts", 2),
        ("pretraining", "tasks.jsonl", "pairs", 6),
        ("tuning", "talks.jsonl", "pairs", 32),
        ("held_out", "talks.jsonl", "pairs", 8),
    ]
    assert all(one.ids.dtype == np.uint16 for one in found.sources)
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    assert tokenizer.decode(found.sources[0].text(1)) == _TEXTS[1]["text"]
    assert tokenizer.decode(found.sources[3].text(1)) == "#Person1# asks #Person2# for the report at 0."
    assert found.shape.vocab_size == tokenizer.get_vocab_size() and found.shape.d_model == 16


def test_a_batch_depends_on_its_number_alone_and_half_of_the_talks_have_speakers_swapped(bundle: Path) -> None:
    found, tokenizer = read_bundle(bundle), Tokenizer.from_file(str(bundle / "tokenizer.json"))
    batches = Batches(found, "tuning", 4, 1)
    batch = batches[3]
    assert all(np.array_equal(batch[name], batches[3][name]) for name in batch)
    assert not np.array_equal(batch["source"], batches[4]["source"])
    assert batch["source"].shape == (4, LENGTHS["tuning"][0]) and batch["labels"].shape == (4, LENGTHS["tuning"][1])
    sources = _texts(tokenizer, batch["source"], batch["source_docs"])
    targets = _texts(tokenizer, np.maximum(batch["labels"], 0), batch["target_docs"])
    first = Counter[str]()
    for source, target in zip(sources, targets, strict=True):
        asks = target.split()[0]
        first[asks] += 1
        assert source.index(f"{asks}:") < source.index(f"{({*TAGS[:2]} - {asks}).pop()}:")
    assert len(sources) > 20 and all(0.25 < count / len(sources) < 0.75 for count in first.values()), first


def test_plain_texts_are_restored_or_continued(bundle: Path) -> None:
    found, tokenizer = read_bundle(bundle), Tokenizer.from_file(str(bundle / "tokenizer.json"))
    batches = Batches(found, "pretraining", 16, 1)
    said = {row["text"] for row in _TEXTS}
    restored = continued = hidden = shown = 0
    for number in range(4):
        batch = batches[number]
        sources = _texts(tokenizer, batch["source"], batch["source_docs"])
        targets = _texts(tokenizer, np.maximum(batch["labels"], 0), batch["target_docs"])
        for source, target in zip(sources, targets, strict=True):
            if "<extra_id_0>" in source:
                restored += 1
                hidden += target.count("<extra_id_")
                shown += 1
                assert "<extra_id_0>" in target and target.endswith("</s>")
            elif "<extra_id_63></s>" in source:
                continued += 1
                whole = source.removesuffix("<extra_id_63></s>") + target.removesuffix("</s>")
                assert any(whole in text for text in said)
    assert restored > 10 and continued > 10 and hidden > 5 * shown


def test_training_stopped_and_resumed_ends_with_the_weights_of_an_unbroken_one(bundle: Path, tmp_path: Path) -> None:
    assert train(bundle, tmp_path / "whole", _QUICK, "cpu")
    for stop in (3, 19):  # before the weights are averaged, and amidst it
        assert not train(bundle, tmp_path / "parts", _QUICK, "cpu", lambda steps, stop=stop: steps == stop)
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    assert train(bundle, tmp_path / "parts", _QUICK, "cpu")
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    phases = [line["phase"] for line in lines if "phase" in line]
    assert phases == ["pretraining"] * 14 + ["tuning"] * 6
    assert lines[-1]["finished"] and 0 < lines[-1]["held_out"] < 10


def test_a_signal_to_the_whole_group_stops_it_with_a_checkpoint(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "trained"
    options = ["--max-steps", "9999", "--step-tokens", "1024", "--workers", "2", "--device", "cpu"]
    command = [sys.executable, "-m", "training.pocket.gpu", "train", str(bundle), "-o", str(out), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        while '"phase"' not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and '"finished": false' in said
    assert (out / "checkpoint.pt").exists()


def test_training_needs_few_packages_and_its_model_is_served(bundle: Path, tmp_path: Path) -> None:
    missing = ("msgspec", "platformdirs", "transformers", "tokenizers", "cyclopts", "textual", "pydantic", "rich")
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({missing!r})); "
        "runpy.run_module('training.pocket.gpu', run_name='__main__')"
    )
    options = ["--max-steps", "2", "--step-tokens", "1024", "--workers", "0", "--device", "cpu"]
    command = [sys.executable, "-c", code, "train", str(bundle), "-o", str(tmp_path / "trained"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    facts = export(tmp_path / "trained", bundle, tmp_path / "model", "cc0-1.0")
    assert facts["finished"] and "cc0-1.0" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    model = resolve(str(tmp_path / "model"), Settings())
    assert model.speaker_tags == TAGS and model.window == 1024
    tokenizer = json.loads((tmp_path / "model" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert tokenizer["model_max_length"] == 1024
    engine = Engine()
    try:
        engine.load(model, "ctranslate")
        drafts = engine.generate(["#Person1#: Where is the report?"], GenerationSettings(max_new_tokens=4)).drafts
        assert len(drafts) == 1
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tuning = 3", "cannot use the mixture"),
        ('[[tuning]]\nfile = "talks.jsonl"\nsplit = "none"', 'no rows whose "split" is "none"'),
        ('[[tuning]]\nfile = "mixed.jsonl"', "divide it into two files"),
    ],
)
def test_a_mixture_that_cannot_be_used_says_why(mixture: Path, text: str, message: str) -> None:
    (mixture.parent / "mixed.jsonl").write_text(json.dumps(_TEXTS[0]) + "\n" + json.dumps(_TASKS[0]), encoding="utf-8")
    place = mixture.with_name("bad.toml")
    place.write_text(text, encoding="utf-8")
    with pytest.raises((UsageError, DataMissing), match=message):
        prepare(place, mixture.parent / "none")


def test_what_is_no_bundle_and_no_finished_training_is_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="is no bundle"):
        train(tmp_path, tmp_path / "out", _QUICK, "cpu")
    with pytest.raises(UsageError, match="is there already"):
        prepare(tmp_path / "mixture.toml", bundle)
    with pytest.raises(DataMissing, match="finish the training first"):
        export(tmp_path, bundle, tmp_path / "model")
