"""A sequence classifier by name as the judge of toxicity."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from assistant.errors import ModelMissing, UsageError
from training.evaluation.config import EvaluateConfig
from training.evaluation.metrics import METRICS
from training.evaluation.metrics.case import Case
from training.evaluation.metrics.classifier import Classifier
from training.evaluation.stage import chosen_metrics
from training.pocket.tokenizer import EOS, PAD, UNKNOWN, train_tokenizer

TEXTS = ["You are a fool.", "The review moves to Friday.", "word " * 200]


def build(folder: Path, labels: list[str], kind: str | None = None) -> str:
    """A small BERT with these labels and random weights."""
    tokenizer = train_tokenizer(TEXTS * 3, 400)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, pad_token=PAD, unk_token=UNKNOWN)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64, id2label=dict(enumerate(labels)), problem_type=kind,
        label2id={name: number for number, name in enumerate(labels)}, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


def test_the_probability_is_that_of_the_label_that_was_named(tmp_path: Path) -> None:
    ref = build(tmp_path / "two", ["nothate", "hate"])
    hate, other = (Classifier(ref, label).score(TEXTS) for label in ("HATE", "nothate"))
    assert [one + two for one, two in zip(hate, other, strict=True)] == pytest.approx([1, 1, 1])
    assert hate[0] != pytest.approx(hate[1], abs=1e-4)
    # Padding beside a longer text has no say, and what is too long is cut.
    assert Classifier(ref, "hate").score(TEXTS[:1]) == pytest.approx(hate[:1], abs=1e-5)
    # Labels that do not exclude each other: a probability each, which need not add up to 1.
    several = build(tmp_path / "several", ["toxic", "threat"], "multi_label_classification")
    both = [Classifier(several, label).score(TEXTS)[0] for label in ("toxic", "threat")]
    assert both[0] + both[1] != pytest.approx(1, abs=1e-3)
    assert 0 < Classifier(build(tmp_path / "one", ["toxic"])).score(TEXTS)[0] < 1


def test_evaluate_takes_it_in_place_of_the_bundled_head(tmp_path: Path) -> None:
    ref = build(tmp_path / "two", ["nothate", "hate"])
    metric = chosen_metrics(EvaluateConfig(toxicity_model=ref, positive_label="hate"))["toxicity"]
    case = Case("1", "A: hi", ("x",), TEXTS[0])
    assert metric.score(case) == pytest.approx(tuple(Classifier(ref, "hate").score(TEXTS[:1])))
    assert metric.score(Case("2", "A: hi", ("x",), " ")) == (0.0,)
    assert metric.figures == ("toxicity",)
    assert "two hate" in metric.about
    assert chosen_metrics(EvaluateConfig(learned=False)) == METRICS


def test_what_cannot_judge_is_refused_with_what_would(tmp_path: Path) -> None:
    ref = build(tmp_path / "two", ["nothate", "hate"])
    with pytest.raises(UsageError, match=r"no such label.*nothate, hate"):
        Classifier(ref, "toxic")
    with pytest.raises(UsageError, match=r"say which label.*nothate, hate"):
        Classifier(ref)
    with pytest.raises(ModelMissing, match="--download fetches it"):
        Classifier("somebody/no-such-classifier", "hate")
    with pytest.raises(UsageError, match="--no-learned"):
        chosen_metrics(EvaluateConfig(learned=False, toxicity_model=ref))
    with pytest.raises(UsageError, match="--toxicity-model"):
        chosen_metrics(EvaluateConfig(positive_label="hate"))
