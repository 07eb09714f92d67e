"""The options of `assistant-train evaluate` and `compare`."""

from pathlib import Path
from typing import Literal

import msgspec

from assistant.records import GenerationSettings


class WritingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to write summaries and which metrics to compute."""

    modes: str = "zero-shot"
    """Prompting mode, several separated by commas, or `all`."""
    phrasing: str = ""
    """Wording of the instruction; empty for the default."""
    backend: Literal["auto", "ctranslate", "transformers"] = "auto"
    """Backend for the model; `auto` picks transformers if there is a GPU."""
    threads: int = 0
    """Cores for the model. 0 uses all, with the number of threads for a text that is the fastest here."""
    learned: bool = True
    """Also compute the metrics that need all-MiniLM: similarity to the references, and toxicity."""
    toxicity_model: str = ""
    """Sequence classifier for toxicity instead of the bundled head: a Hub id or a folder."""
    positive_label: str = ""
    """The classifier's label for toxic."""
    download: bool = False
    """Fetch the classifier from the Hub. Without it, only models on this machine are read."""
    report: Path | None = None
    """Also write the result as one HTML page with plots."""
    max_steps: int = 0
    """Judge at most this many conversations; 0 for all."""
    generation: GenerationSettings = GenerationSettings()


class EvaluateConfig(WritingConfig, frozen=True):
    """How to evaluate one model."""

    predictions: Path | None = None
    """Judge these summaries, JSON Lines with "id" and "summary", instead of asking a model."""
    swap: bool = False
    """Also summarize each conversation with its two speakers swapped, to see if the summary follows."""
    suite: Path | None = None
    """Multiple-choice questions to answer by log-probability instead: "prompt", "choices", "answer"."""


class CompareConfig(WritingConfig, frozen=True):
    """How to compare two models."""

    by: str = "rouge1"
    """Metric that decides wins, losses and the largest differences."""
    show: int = 10
    """Number of largest differences to show."""
