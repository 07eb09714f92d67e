"""What each setting is called on the screen, and its value in words: "longest answer  128 tokens"."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Label(NamedTuple):
    """A setting's name, the unit of its number, and words for values that say nothing by themselves."""

    name: str
    unit: str = ""
    words: Mapping[Any, str] = {}


LABELS: dict[str, Label] = {
    "model.ref": Label("model", words={"auto": "chosen at the start"}),
    "model.base": Label("base model"),
    "model.backend": Label("runs on", words={"auto": "what suits this machine"}),
    "model.threads": Label("processor threads", "threads", {0: "as many as suit the model"}),
    "prompt.mode": Label("prompting mode"),
    "prompt.phrasing": Label("wording of the instruction", words={"": "the task's own"}),
    "summary.task": Label("a conversation is answered with"),
    "summary.model_text": Label("model's summary beside the digest", words={"auto": "if it passed the exam"}),
    "generation.decoding": Label("decoding"),
    "generation.beams": Label("beam search follows", "texts"),
    "generation.temperature": Label("temperature"),
    "generation.top_k": Label("likeliest pieces to draw from", "pieces", {0: "all"}),
    "generation.top_p": Label("probability to draw from", "of 1"),
    "generation.max_new_tokens": Label("longest answer", "tokens"),
    "generation.min_new_tokens": Label("shortest answer", "tokens"),
    "generation.repetition_penalty": Label("penalty on repetition", words={1.0: "none"}),
    "generation.no_repeat_ngram": Label("no run comes twice of", "pieces", {0: "any length: off"}),
    "generation.length_penalty": Label("beam search prefers length by", words={1.0: "nothing"}),
    "generation.drafts": Label("drafts", "drafts"),
    "generation.faithful": Label("names that were not said", words={"rerank": "are avoided", "ban": "are barred"}),
    "generation.candidates": Label("drafts to choose among", "drafts"),
    "generation.seed": Label("seed", words={None: "another one each time"}),
    "screen.theme": Label("theme"),
    "screen.show_metadata": Label("details under an answer"),
    "feedback.repeat_one_in": Label("an earlier ranking comes back after", "rankings", {0: "never"}),
    "feedback.show_scores": Label("reward's scores after a ranking"),
    "knowledge.embedder": Label("documents are searched with"),
    "knowledge.precision": Label("precision of that search"),
    "knowledge.answers": Label("answers from documents", words={"auto": "as the model can"}),
    "knowledge.reranker": Label("passages are reordered by", words={"": "nothing"}),
}


def value_in_words(key: str, value: Any) -> str:
    """ "128 tokens", "yes", or the setting's own words for a value; "none" for nothing."""
    label = LABELS[key]
    if not isinstance(value, bool) and value in label.words:
        return label.words[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        unit = label.unit.removesuffix("s") if value == 1 else label.unit
        return f"{value:g} {unit}".strip()
    return str(value) if value else "none"
