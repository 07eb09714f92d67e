"""Continued pre-training on documents, and what training takes in memory."""

import json
import random
from pathlib import Path

import pytest

from assistant.errors import DataMissing, UsageError
from assistant.models import registry
from assistant.models.versions import read_facts
from tests.tiny_models import build_tiny_model
from training import cli
from training.sft.adapt import corrupted, read_pieces, sentinels
from training.sft.config import AdaptConfig, MemoryConfig
from training.sft.memory import MIB, predict

pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny")


def test_what_is_hidden_is_what_is_written_back(tiny: Path) -> None:
    marks = sentinels(tiny)
    rng = random.Random(1)
    pieces = [[rng.randrange(200, 400) for _ in range(length)] for length in (16, 64, 255)]
    for piece, example in zip(pieces, corrupted(pieces, marks, AdaptConfig()), strict=True):
        source, target = list(example.source), list(example.target)
        assert source.pop() == target.pop() == 1
        hidden = [token for token in target if token not in marks]
        assert len(hidden) == max(1, round(0.15 * len(piece)))
        used = [token for token in source if token in marks]
        # Each sentinel stands once, in order; the target has one more, which ends it.
        assert used == marks[: len(used)]
        assert [token for token in target if token in marks] == marks[: len(used) + 1]
        restored = []
        for token in source:
            if token in marks:
                start = target.index(token) + 1
                end = next(i for i in range(start, len(target)) if target[i] in marks)
                restored += target[start:end]
            else:
                restored.append(token)
        assert restored == piece


def test_documents_of_every_kind_are_read_in_pieces(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n\n" + "The review moves to Friday. " * 20)
    (tmp_path / "b.html").write_text("<p>" + "Tom books the room. " * 20 + "</p>")
    pieces = read_pieces([tmp_path / "a.md", tmp_path / "b.html"], tiny, 32)
    assert max(map(len, pieces)) == 32
    assert min(map(len, pieces)) >= 16
    with pytest.raises(DataMissing, match="no text"):
        (tmp_path / "c.txt").write_text("short")
        read_pieces([tmp_path / "c.txt"], tiny, 32)
    with pytest.raises(UsageError, match="cannot be read"):
        (tmp_path / "d.exe").write_bytes(b"MZ")
        read_pieces([tmp_path / "d.exe"], tiny, 32)
    with pytest.raises(UsageError, match="chunk_tokens"):
        read_pieces([tmp_path / "a.md"], tiny, 8)


def test_a_model_learns_the_words_of_a_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "_BUNDLED", tiny)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The review moves to Friday and Tom books the room. " * 60)
    dev = tmp_path / "dev.jsonl"
    dev.write_text(json.dumps({"dialogue": "Tom: I'll book the room.", "summary": "Tom books the room."}) + "\n")
    words = [
        "--max-steps=10",
        "--save-every=5",
        "--batch-size=4",
        "--chunk-tokens=32",
        "--threads=1",
        "--warmup-steps=0",
    ]
    code = cli.run(
        [
            "adapt",
            "--data",
            str(folder),
            "--dev-summaries",
            str(dev),
            "--model=pocket",
            "--method=full",
            *words,
            "--json",
        ]
    )
    result = json.loads(capsys.readouterr().out)
    assert code == 0, result
    assert result["perplexity_after"] < result["perplexity_before"]
    assert result["gain"]["n"] == 1
    facts = read_facts(result["version"])
    assert facts is not None
    assert (facts.method, facts.base) == ("adapt full", "pocket")
    assert cli.run(["adapt", "--model=pocket", "--json"]) == 2
    assert "files or folders" in json.loads(capsys.readouterr().out)["error"]


def test_memory_is_counted_without_loading_anything(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = predict(tiny, MemoryConfig())
    # 400 x 32 embeddings and the layers, tied: what the folder's own header says.
    assert found["parameters"] == registry.inspect_folder(tiny).parameters
    assert found["store"]["float32"] == pytest.approx(4 * found["store"]["int8"])
    full, lora, prompt = (found["train"][name] for name in ("full", "lora", "prompt-tuning"))
    assert full["optimizer"] == pytest.approx(2 * full["gradients"])
    assert full["gradients"] == pytest.approx(found["parameters"] * 4 / MIB)
    assert lora["trained_parameters"] == 6 * 2 * 32 * (32 + 32)  # rank 32 beside q and v of six attentions
    assert prompt["trained_parameters"] == 20 * 32
    doubled = predict(tiny, MemoryConfig(batch_size=16))["train"]["full"]
    assert doubled["activations"] == pytest.approx(2 * full["activations"], rel=0.05)
    frugal = predict(tiny, MemoryConfig(activation_checkpointing=True))["train"]["full"]
    assert frugal["activations"] < full["activations"]
    # On the way back one layer is computed again, and all that it keeps is there at once.
    config = json.loads((tiny / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_layers": 1}))
    shorter = predict(tmp_path, MemoryConfig())["train"]["full"]
    assert frugal["activations"] > full["activations"] - shorter["activations"]
    assert cli.run(["memory", str(tiny)]) == 0
    shown = capsys.readouterr().out
    assert "prompt-tuning" in shown
    assert cli.run(["memory", "nobody/nothing"]) == 3
