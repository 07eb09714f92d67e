"""A sequence classifier from the Hub that measures toxicity instead of the bundled head."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from assistant.errors import ModelMissing, UsageError

_AT_ONCE = 16


class Classifier:
    """The classifier `ref`, a Hub id or a folder. `positive_label` is its label for toxic, which a classifier with one
    output does not need.

    Raises ModelMissing if it cannot be loaded, locally or by `download`, and UsageError that lists its labels if
    `positive_label` is none of them.
    """

    def __init__(self, ref: str, positive_label: str = "", download: bool = False) -> None:
        local = {"local_files_only": not download}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(ref, **local)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(ref, use_safetensors=True, **local)
        except (OSError, ValueError) as error:
            hint = "check the name and the connection" if download else "--download fetches it"
            raise ModelMissing(f"no classifier {ref} in safetensors on this machine: {hint}") from error
        self._model.eval()
        labels = {int(number): str(name) for number, name in self._model.config.id2label.items()}
        self._positive = _positive(labels, positive_label)
        # A single output, or labels that do not exclude each other, take a sigmoid each instead of a softmax.
        self._is_single = len(labels) > 1 and self._model.config.problem_type != "multi_label_classification"

    @torch.inference_mode()
    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the probability (0 to 1) that each text has the label. Texts longer than the window are truncated."""
        found: list[float] = []
        for start in range(0, len(texts), _AT_ONCE):
            batch = self._tokenizer(list(texts[start : start + _AT_ONCE]), padding=True, truncation=True,
                                    max_length=self._window(), return_tensors="pt")  # fmt: skip
            logits = self._model(**batch).logits.float()
            shares = torch.softmax(logits, -1) if self._is_single else torch.sigmoid(logits)
            found += shares[:, self._positive].tolist()
        return found

    def _window(self) -> int:
        """Return the window in tokens: the tokenizer's limit, and at most the number of positions."""
        # RoBERTa numbers its positions from the padding id + 1.
        positions = getattr(self._model.config, "max_position_embeddings", 512)
        spare = (self._model.config.pad_token_id or 0) + 1 if "roberta" in self._model.config.model_type else 0
        return int(min(self._tokenizer.model_max_length, positions - spare))


def _positive(labels: dict[int, str], wanted: str) -> int:
    if len(labels) == 1 and not wanted:
        return 0
    for number, name in labels.items():
        if wanted and name.casefold() == wanted.casefold():
            return number
    said = f"--positive-label {wanted}: the classifier has no such label" if wanted else "say which label is toxic"
    raise UsageError(f"{said}; --positive-label takes one of {', '.join(labels.values())}")
