"""Labels of the settings, and their values in words: "longest answer  128 tokens"."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Label(NamedTuple):
    """A setting's name, the unit of its number, and words for values that need explanation."""

    name: str
    unit: str = ""
    words: Mapping[Any, str] = {}


LABELS: dict[str, Label] = {
    "model.ref": Label("model", words={"auto": "chosen automatically"}),
    "model.base": Label("base model"),
    "model.backend": Label("backend", words={"auto": "chosen for this machine"}),
    "model.threads": Label("processor threads", "threads", {0: "chosen for the model"}),
    "prompt.mode": Label("prompting mode"),
    "prompt.phrasing": Label("wording of the instruction", words={"": "the default"}),
    "summary.task": Label("answer to a conversation"),
    "summary.model_text": Label("model's summary above the digest", words={"auto": "if it passed the exam"}),
    "generation.decoding": Label("decoding"),
    "generation.beams": Label("beam search: beams"),
    "generation.temperature": Label("sampling: temperature"),
    "generation.top_k": Label("sampling: top-k", "tokens", {0: "all tokens"}),
    "generation.top_p": Label("sampling: top-p"),
    "generation.max_new_tokens": Label("longest answer", "tokens"),
    "generation.min_new_tokens": Label("shortest answer", "tokens"),
    "generation.repetition_penalty": Label("repetition penalty", words={1.0: "none"}),
    "generation.no_repeat_ngram": Label("no repeat of", "tokens", {0: "off"}),
    "generation.length_penalty": Label("beam search: length penalty"),
    "generation.drafts": Label("drafts", "drafts"),
    "generation.faithful": Label(
        "unsupported names and numbers", words={"rerank": "avoided", "ban": "banned", "off": "allowed"}
    ),
    "generation.candidates": Label("drafts to choose among", "drafts"),
    "generation.seed": Label("seed", words={None: "random"}),
    "screen.theme": Label("theme"),
    "screen.show_metadata": Label("details under an answer"),
    "feedback.repeat_one_in": Label("repeat an earlier comparison after", "rankings", {0: "never"}),
    "feedback.show_scores": Label("reward scores after a ranking"),
    "knowledge.embedder": Label("embedder"),
    "knowledge.precision": Label("embedder's precision"),
    "knowledge.answers": Label("answers from documents", words={"auto": "written if the model can"}),
    "knowledge.reranker": Label("reranker", words={"": "none"}),
}


def value_in_words(key: str, value: Any) -> str:
    """A value in words: "128 tokens", "yes", or the label's word for it; "none" if empty."""
    label = LABELS[key]
    if not isinstance(value, bool) and value in label.words:
        return label.words[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        unit = label.unit.removesuffix("s") if value == 1 else label.unit
        return f"{value:g} {unit}".strip()
    return str(value) if value else "none"
