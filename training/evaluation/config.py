"""What can be set for `assistant-train evaluate` and `compare`."""

from pathlib import Path
from typing import Literal

import msgspec

from assistant.records import GenerationSettings


class EvaluateConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How summaries are written and judged."""

    modes: str = "zero-shot"
    """Prompting mode, several with commas between, or `all`."""
    phrasing: str = ""
    """Wording of the instruction; empty for the default."""
    backend: Literal["auto", "ctranslate", "transformers"] = "auto"
    """What runs the model; `auto` takes transformers where there is a GPU."""
    threads: int = 0
    """CPU threads for the model; 0 is one for a small model, for which that is fastest, and every core for another."""
    predictions: Path | None = None
    """Judge these summaries, JSON Lines with "id" and "summary", instead of asking a model."""
    swap: bool = False
    """Whether each conversation is also summarized with its two speakers exchanged, to see whether the summary
    follows."""
    learned: bool = True
    """Whether all-MiniLM reads the texts too: nearness in meaning to the references, and toxicity."""
    toxicity_model: str = ""
    """A sequence classifier that judges toxicity instead of the bundled head: a Hub id or a folder."""
    positive_label: str = ""
    """The label of that classifier which means toxic."""
    download: bool = False
    """Whether the classifier may be fetched from the Hub; without it only what is on this machine is read."""
    suite: Path | None = None
    """Multiple-choice questions to answer by log-probability instead: "prompt", "choices", "answer"."""
    report: Path | None = None
    """Also write the result as one HTML page with plots."""
    max_steps: int = 0
    """Judge so many conversations at most; 0 for all."""
    generation: GenerationSettings = GenerationSettings()


class CompareConfig(EvaluateConfig, frozen=True):
    """How two models are compared."""

    by: str = "rouge1"
    """The figure that decides wins, losses and the largest differences."""
    show: int = 10
    """How many of the largest differences are shown."""
