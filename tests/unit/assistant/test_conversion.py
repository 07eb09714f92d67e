"""A conversion serves only when it agrees with its source, is made once, and leaves nothing behind when it fails."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file

from assistant.engine import conversion, recipe
from assistant.engine.client import Engine
from assistant.engine.conversion import convert_folder, ensure_converted, hash_of, room_needed
from assistant.engine.precision import read_precision
from assistant.engine.protocol import Progress
from assistant.errors import AssistantError, Interrupted, ModelDamaged
from assistant.locations import conversions_dir, ensure_dir
from tests.tiny_models import build_tiny_model
from tests.unit.assistant.engines import version_of, wait_until


@pytest.fixture(scope="module")
def untied_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("untied"), tied=False)


def leftovers() -> list[str]:
    """What a conversion may leave: nothing but conversions, their locks and notes."""
    return [path.name for path in conversions_dir().iterdir() if path.name.startswith(".")]


def test_a_cached_conversion_is_found_by_content_and_not_made_again(tiny_model: Path, tmp_path: Path) -> None:
    stages: list[Progress] = []
    moved = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    place = ensure_converted(version_of(moved), stages.append)
    assert place == conversions_dir() / hash_of(tiny_model)
    assert stages == []


def test_a_changed_weight_is_another_conversion(taught_model: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(taught_model, tmp_path / "changed")
    weights = load_file(changed / "model.safetensors")
    weights["shared.weight"][7, 7] += 1
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})
    assert hash_of(changed) != hash_of(taught_model)


def test_a_bundled_conversion_is_used_as_it_is(taught_model: Path, tmp_path: Path) -> None:
    bundled = msgspec.structs.replace(version_of(taught_model), converted=str(tmp_path))
    assert ensure_converted(bundled) == tmp_path


def test_a_float16_model_is_converted_from_its_own_values(taught_model: Path, tmp_path: Path) -> None:
    half = shutil.copytree(taught_model, tmp_path / "half")
    weights = {name: value.half() for name, value in load_file(half / "model.safetensors").items()}
    save_file(weights, half / "model.safetensors", metadata={"format": "pt"})
    convert_folder(half, tmp_path / "converted")
    assert (tmp_path / "converted" / "model.bin").exists()


def test_a_model_of_version_1_1_agrees_without_scaled_logits(untied_model: Path, tmp_path: Path) -> None:
    convert_folder(untied_model, tmp_path / "converted")
    assert (tmp_path / "converted" / "model.bin").exists()


@pytest.mark.parametrize("tied", [True, False])
def test_logits_scaled_the_wrong_way_are_caught(
    tied: bool, taught_model: Path, untied_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the library does by itself: it takes every T5 of transformers 5 for one that scales its logits.
    monkeypatch.setattr(recipe, "scales_outputs", lambda model: not tied)
    with pytest.raises(ModelDamaged, match="disagrees with the model by"):
        convert_folder(taught_model if tied else untied_model, tmp_path / "converted")
    assert list(tmp_path.glob("*converted*")) == []


def test_shifted_ids_are_caught(taught_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every piece from id 300 on is one place late, as behind a piece that occurs twice.
    def shifted(source: Path, size: int) -> list[str]:
        pieces = real(source, size)
        return [*pieces[:300], "<twice>", *pieces[300:-1]]

    # Texts that use none of those pieces: the ones taken from the whole vocabulary must show it.
    monkeypatch.setattr(recipe, "_TEXTS", (("a", "b"),))
    real = recipe.read_vocabulary
    write = recipe.write
    monkeypatch.setattr(
        recipe, "write", lambda model, vocabulary, *rest: write(model, shifted(taught_model, len(vocabulary)), *rest)
    )
    with pytest.raises(ModelDamaged, match="disagrees with the model by"):
        convert_folder(taught_model, tmp_path / "converted")


def test_a_vocabulary_with_a_piece_twice_is_refused(taught_model: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(taught_model, tmp_path / "broken")
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    # A list of pieces, as SentencePiece models have, in which the piece of id 300 occurs again at 350.
    pieces = [[piece, -1.0] for piece in sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)]
    pieces[350] = pieces[300]
    tokenizer["model"] = {"type": "Unigram", "unk_id": 2, "vocab": pieces, "byte_fallback": False}
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelDamaged, match=r"a piece twice or lacks one \(id 3[05]0\)"):
        convert_folder(broken, tmp_path / "converted")


def test_a_model_that_int8_would_spoil_is_served_in_a_larger_type(taught_model: Path, tmp_path: Path) -> None:
    # One huge value a row takes all of int8's 255 steps and leaves the other values none.
    spoilt = shutil.copytree(taught_model, tmp_path / "spoilt")
    weights = load_file(spoilt / "model.safetensors")
    for name, value in weights.items():
        if name.endswith(("wi_0.weight", "wi_1.weight", "q.weight", "v.weight")):
            value[:, 0] = 40 * torch.sign(value[:, 0])
    save_file(weights, spoilt / "model.safetensors", metadata={"format": "pt"})
    convert_folder(spoilt, tmp_path / "converted")
    precision = read_precision(tmp_path / "converted")
    assert precision.fell_back and precision.kind in ("int16", "float32")
    assert precision.losses["int8"] > recipe.QUANTIZED_TOLERANCE
    assert "int8 loses" in precision.sentence()


def test_the_processor_is_part_of_a_conversion_s_key(taught_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hash_of(taught_model)
    conversion.processor.cache_clear()
    monkeypatch.setenv("CT2_FORCE_CPU_ISA", "GENERIC")
    try:
        assert hash_of(taught_model) != before
    finally:
        conversion.processor.cache_clear()


@pytest.mark.slow
def test_two_processes_convert_one_model_once_and_privately(taught_model: Path, home: Path) -> None:
    # A draft whose maker is gone, of a number that no process can have: the next conversion removes it.
    dead = ensure_dir(conversions_dir()) / f".{'0' * 32}.{1 << 23}.part"
    dead.mkdir()
    probe = (
        "import sys; from assistant.engine.conversion import ensure_converted\n"
        "from assistant.records import ModelVersion\n"
        "stages = []\n"
        "place = ensure_converted(ModelVersion(ref='x', folder=sys.argv[1], kind='path'), stages.append)\n"
        "print(place, *[progress.stage.split()[0] for progress in stages])"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", probe, str(taught_model)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    place = conversions_dir() / hash_of(taught_model)
    assert {output[0] for output in outputs} == {str(place)}
    # One converts; the other waits for it, or comes so late that it finds the result.
    told = sorted((output[1:] for output in outputs), key=len)
    assert told[0] in ([], ["waiting"])
    assert told[1] == ["reading", "converting", "checking", "quantizing"]
    assert leftovers() == []
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in place.iterdir()} == {
        "model.bin": "0o600",
        "config.json": "0o600",
        "shared_vocabulary.json": "0o600",
        "precision.json": "0o600",
    }
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("half", [False, True])
def test_the_room_asked_for_holds_every_attempt(
    half: bool, taught_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copytree(taught_model, tmp_path / "model")
    if half:
        weights = {name: value.half() for name, value in load_file(source / "model.safetensors").items()}
        save_file(weights, source / "model.safetensors", metadata={"format": "pt"})
    # A processor that computes in every type, and loses too much in each below float32.
    monkeypatch.setattr(recipe, "_smaller_types", lambda: ["int8", "int16", "bfloat16"])
    differences, write = recipe._differences, recipe.write
    monkeypatch.setattr(
        recipe, "_differences", lambda at, kind, *rest: differences(at, kind, *rest) if kind == "float32" else [1.0]
    )
    taken = []

    def written(model: object, vocabulary: Sequence[str], target: Path, kind: str) -> Path:
        folder = write(model, vocabulary, target, kind)
        taken.append(sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file()))
        return folder

    monkeypatch.setattr(recipe, "write", written)
    convert_folder(source, tmp_path / "converted")
    assert len(taken) == 4
    # 62,592 weights: 250 kB as float32, 125 kB as bfloat16, and some kB of vocabulary with either.
    assert 0.75 * room_needed(source) < max(taken) <= room_needed(source)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process and its children may pass 100 kB; the tiny model's conversion needs 400."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_is_said_in_one_line_and_nothing_stays(taught_model: Path, small_disk: None) -> None:
    with pytest.raises(AssistantError, match=r"needs \d+ MiB in .*: make room and try again"):
        convert_folder(taught_model, conversions_dir() / "full")
    assert list(conversions_dir().iterdir()) == []


def test_a_disk_without_room_is_refused_before_anything_is_written(
    taught_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "room_needed", lambda source: 1 << 60)
    with pytest.raises(AssistantError, match="make room and try again"):
        ensure_converted(version_of(taught_model))
    assert leftovers() == []


def test_a_model_that_torch_cannot_read_is_one_line(taught_model: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(taught_model, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "d_ff": 65}))
    with pytest.raises(ModelDamaged, match="cannot load") as caught:
        convert_folder(broken, tmp_path / "converted")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*converted*")) == []


def test_a_conversion_that_nobody_waits_for_any_more_ends(taught_model: Path, home: Path) -> None:
    running: list[list[int]] = []
    with Engine() as engine:

        def on_progress(progress: Progress) -> None:
            running.append(_converters())
            engine.cancel()

        with pytest.raises(Interrupted):
            engine.load(version_of(taught_model), "ctranslate", 1, on_progress)
    assert len(running[0]) == 1
    wait_until(lambda: not _converters())
    assert not (conversions_dir() / hash_of(taught_model)).exists()


def _converters() -> list[int]:
    """Conversions that this test's worker started: their command line names this test's home."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes()
        except OSError:
            continue
        if b"assistant.engine.conversion" in command and str(conversions_dir()).encode() in command:
            found.append(int(place.parent.name))
    return found
