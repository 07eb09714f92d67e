"""FLAN-T5 as it lies on the Hub, file for file, in a size that takes a moment: pulled, converted, exported."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from assistant.engine.conversion import ensure_converted
from assistant.engine.recipe import load_float32
from assistant.engine.tokens import ModelTokenizer
from assistant.errors import ModelDamaged
from assistant.models.exporting import export
from assistant.models.pull import pull
from assistant.models.registry import resolve
from assistant.settings import Settings
from tests.flan_shape import PICKLED, SHAPES, TINY, build_flan_shape
from tests.hub import TOKEN, Hub, serving

_REF = "google/flan-t5-base"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_flan_shape(tmp_path_factory.mktemp("original") / "flan", TINY)


@pytest.fixture
def hub(original: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(original, monkeypatch, _REF) as server:
        yield server


def sharded(original: Path, folder: Path) -> Path:
    """The same model as -xl's files are: weights in parts, and an index."""
    made = build_flan_shape(folder, TINY, shards=3)
    assert {path.name for path in original.iterdir()} - {path.name for path in made.iterdir()} == {"model.safetensors"}
    return made


@pytest.mark.parametrize(
    ("name", "parameters"),
    # As the Hub counts them.
    [("small", 76_961_152), ("base", 247_577_856), ("large", 783_150_080), ("xl", 2_849_757_184)],
)
def test_the_shapes_have_as_many_weights_as_the_originals(name: str, parameters: int) -> None:
    # An encoder's layer: q, k, v, o, three matrices of the gated network, two norms; a decoder's: four more matrices
    # and a norm. Each stack: a norm, and 32 buckets of positions a head. The vocabulary twice.
    shape = SHAPES[f"google/flan-t5-{name}"]
    width, inner, layers = shape["d_model"], shape["num_heads"] * shape["d_kv"], shape["num_layers"]
    layer = 2 * (3 * width * shape["d_ff"]) + 12 * width * inner + 5 * width
    stacks = 2 * (width + 32 * shape["num_heads"])
    assert layers * layer + stacks + 2 * shape["vocab_size"] * width == parameters


def test_every_file_but_the_pickled_ones_is_pulled_and_exported(hub: Hub, tmp_path: Path) -> None:
    folder = pull(_REF)
    wanted = {name for name in hub.files if name not in PICKLED and not name.startswith(".")}
    assert {path.name for path in folder.iterdir()} == wanted
    assert {"spiece.model", "special_tokens_map.json", "generation_config.json"} <= wanted

    model = resolve(_REF, Settings())
    assert (model.window, model.licence, model.parameters) == (512, "apache-2.0", 1_031_408)
    exported = export(model, tmp_path / "out", "merged")
    assert {path.name for path in exported.iterdir()} == wanted
    converted = export(model, tmp_path / "fast", "ctranslate", ensure_converted(model))
    assert (converted / "spiece.model").read_bytes() == hub.files["spiece.model"]


def test_weights_in_parts_are_read_as_one(original: Path, tmp_path: Path) -> None:
    # The index lists the embeddings of both stacks, and the files have neither: they are the shared one.
    folder = sharded(original, tmp_path / "xl")
    listed = json.loads((folder / "model.safetensors.index.json").read_text())
    assert "decoder.embed_tokens.weight" in listed["weight_map"]
    model = resolve(str(folder), Settings())
    assert model.parameters == 1_031_408
    # 4 bytes each, and 32,128 rows of 16 twice more: 4 * 1,031,408 + 2 * 4 * 514,048.
    assert listed["metadata"]["total_size"] == 8_238_016
    assert ensure_converted(model).is_dir()
    whole, parts = (load_float32(place).state_dict() for place in (original, folder))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_parts_are_pulled_from_another_host_that_is_told_no_token(
    tmp_path: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with serving(build_flan_shape(tmp_path / "xl", TINY, shards=3), monkeypatch, _REF) as hub:
        # Each address is of no use once another part was fetched.
        hub.signs = True
        folder = pull(_REF)
        names = sorted(name for name in hub.files if name.endswith(".safetensors"))
        assert [path.name for path in sorted(folder.glob("*.safetensors"))] == names
        assert all((folder / name).read_bytes() == hub.files[name] for name in names)
        assert hub.strangers == [None] * 3


def test_a_part_without_its_weights_is_damaged(original: Path, tmp_path: Path) -> None:
    folder = sharded(original, tmp_path / "xl")
    first, last = (folder / f"model-0000{number}-of-00003.safetensors" for number in (1, 3))
    first.write_bytes(last.read_bytes())
    with pytest.raises(ModelDamaged, match="lacks the weights"):
        resolve(str(folder), Settings())


def test_an_alias_of_nothing_is_damaged(original: Path, tmp_path: Path) -> None:
    folder = sharded(original, tmp_path / "xl")
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text())
    listed["weight_map"]["pt"] = listed["weight_map"]["shared.weight"]
    index.write_text(json.dumps(listed))
    # Every file's metadata says {"format": "pt"}, which names no tensor.
    with pytest.raises(ModelDamaged, match="lacks the weights pt"):
        resolve(str(folder), Settings())


def test_the_tokenizer_reads_as_sentencepiece_does(original: Path) -> None:
    # Rules of the original's table: the ligature is "fi", "…" three dots, a line's end a space; runs of them are one.
    tokenizer = ModelTokenizer(original)
    assert tokenizer.encode("The ﬁle…\n\n x") == tokenizer.encode("The file...  x")
    assert tokenizer.ids(["<pad>", "</s>", "<unk>", "<extra_id_99>", "<extra_id_0>"]) == [0, 1, 2, 32_000, 32_099]
