"""Converted sentence-transformers models make the vectors that their own files say."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.errors import EmbedderMissing
from knowledge.search.embedder import PassageText, Vectors
from knowledge.search.encoder import Encoder
from knowledge.search.layout import Layout, read_layout
from knowledge.search.opening import SentenceTransformersModel, open_embedder
from tests.tiny_embedder import build_tiny_embedder

_TEXTS = ["The harbour opens.", "Käse", "tide " * 60, ""]
_PASSAGE = PassageText(context="Title. ", text="One. Two.", windows=((0, 4), (5, 9)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_embedder(tmp_path_factory.mktemp("embedder") / "e5-tiny")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return build_tiny_embedder(tmp_path / "tiny")


def _by_hand(folder: Path, texts: list[str]) -> Vectors:
    """The mean of the last states, by transformers."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        read = tokenizer(text, truncation=True, max_length=120, return_tensors="pt")
        with torch.no_grad():
            states = model(input_ids=read["input_ids"], attention_mask=read["attention_mask"]).last_hidden_state
        rows.append(states[0].mean(dim=0).numpy())
    vectors = np.stack(rows)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_vectors_are_the_models_own_with_the_prompts_of_e5(tiny: Path, tmp_path: Path) -> None:
    embedder = open_embedder("org/e5-tiny", tmp_path, folder=tiny, compute_type="float32", threads=1)
    assert isinstance(embedder, Encoder)
    # "passage" and ":" and the spaces before and after it are four tokens of the 120.
    assert (embedder.dimension, embedder.max_tokens) == (32, 116)
    questions = _by_hand(tiny, [f"query: {text}" for text in _TEXTS])
    np.testing.assert_allclose(embedder.embed_questions(_TEXTS), questions, atol=1e-5)
    (vectors,) = embedder.embed_passages([_PASSAGE])
    windows = _by_hand(tiny, ["passage: Title. One.", "passage: Title. Two."])
    np.testing.assert_allclose(vectors.windows, windows, atol=1e-5)

    # The same weights with other prompts are another space, by the same conversion.
    other = shutil.copytree(tiny, tmp_path / "other")
    _set("config_sentence_transformers.json", prompts={"query": "find: "})(other)
    finding = open_embedder("org/e5-tiny", tmp_path, folder=other, compute_type="float32", threads=1)
    assert finding.identity != embedder.identity
    assert len(list(tmp_path.glob("e5-tiny-*"))) == 1
    found = _by_hand(tiny, [f"find: {text}" for text in _TEXTS])
    np.testing.assert_allclose(finding.embed_questions(_TEXTS), found, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # sentence-transformers' own
@pytest.mark.parametrize(("kind", "pooling"), [("bert", "mean"), ("bert", "cls"), ("xlm-roberta", "mean")])
def test_vectors_are_those_of_sentence_transformers(tmp_path: Path, kind: str, pooling: str) -> None:
    prompts = {"query": "find: ", "document": "text: "}
    folder = build_tiny_embedder(tmp_path / "model", kind, pooling, prompts)
    ours = open_embedder("model", tmp_path / "cache", folder=folder, compute_type="float32", threads=1)
    assert isinstance(ours, Encoder)
    theirs = SentenceTransformersModel("model", folder)
    assert theirs.count_tokens(_TEXTS) == ours.count_tokens(_TEXTS)
    np.testing.assert_allclose(theirs.embed_questions(_TEXTS), ours.embed_questions(_TEXTS), atol=1e-5)
    (reference,), (vectors,) = theirs.embed_passages([_PASSAGE]), ours.embed_passages([_PASSAGE])
    np.testing.assert_allclose(reference.whole, vectors.whole, atol=1e-5)


def _set(name: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **changes}))

    return change


def _with_dense(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules.insert(2, {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))


@pytest.mark.parametrize(
    "change",
    [
        _set("config.json", model_type="mpnet"),
        _set("config.json", hidden_act="gelu_new"),
        _set("1_Pooling/config.json", pooling_mode_max_tokens=True),
        _set("1_Pooling/config.json", pooling_mode="weightedmean"),
        _set("sentence_bert_config.json", do_lower_case=True),
        _set("config_sentence_transformers.json", default_prompt_name="query"),
        _with_dense,
        lambda folder: (folder / "tokenizer.json").unlink(),
    ],
)
def test_what_ctranslate_would_do_otherwise_is_left_to_sentence_transformers(
    copy: Path, change: Callable[[Path], None]
) -> None:
    assert read_layout(copy, "tiny") == Layout(dimension=32, max_tokens=120)
    change(copy)
    assert read_layout(copy, "tiny") is None


def test_files_of_newer_versions_say_the_same(copy: Path) -> None:
    (copy / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 32, "pooling_mode": "cls"}')
    (copy / "sentence_bert_config.json").write_text('{"transformer_task": "feature-extraction"}')
    _set("tokenizer_config.json", model_max_length=40)(copy)
    modules = json.loads((copy / "modules.json").read_text())
    for module in modules:
        kind = module["type"].rpartition(".")[2]
        module["type"] = f"sentence_transformers.base.modules.{kind.lower()}.{kind}"
    (copy / "modules.json").write_text(json.dumps(modules))
    assert read_layout(copy, "tiny") == Layout(dimension=32, max_tokens=40, pooling="cls")


def test_no_more_is_read_than_the_model_has_positions_for(copy: Path) -> None:
    _set("sentence_bert_config.json", max_seq_length=512)(copy)
    found = read_layout(copy, "tiny")
    assert found is not None and found.max_tokens == 130
    # RoBERTa's positions count from 2.
    _set("config.json", model_type="xlm-roberta")(copy)
    found = read_layout(copy, "tiny")
    assert found is not None and found.max_tokens == 128


def test_the_prompt_of_a_passage_has_several_names(copy: Path) -> None:
    _set("config_sentence_transformers.json", prompts={"query": "q: ", "document": "", "passage": "p: "})(copy)
    found = read_layout(copy, "e5-tiny")
    assert found is not None and (found.query, found.document) == ("q: ", "p: ")


@pytest.mark.parametrize("content", ["{", "[]", "\ud800"])
def test_damaged_files_are_an_error_of_one_line(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(EmbedderMissing, match="get the embedder again") as caught:
        read_layout(copy, "tiny")
    assert "\n" not in str(caught.value)
