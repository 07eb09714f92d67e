"""Reads from a sentence-transformers model's files how it computes vectors. Loads no weights."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from knowledge.errors import EmbedderMissing

_LOST_POSITIONS = {"bert": 0, "roberta": 2, "xlm-roberta": 2}
"""The model types that CTranslate2 supports, and the positions each never uses: RoBERTa counts from 2."""
_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_POOLING: dict[str, Literal["mean", "cls"]] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}
_E5 = re.compile(r"(?:^|[-_])e5(?:[-_]|$)", re.IGNORECASE)
_E5_PROMPTS = {"query": "query: ", "document": "passage: "}
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""Names of the prompt for passages. Unlike in sentence-transformers, an empty prompt is skipped in
favour of the next.
"""


class Layout(msgspec.Struct, frozen=True):
    """How a model computes vectors: `query` and `document` are prefixes of questions and passages; `pooling` takes the
    mean of the tokens' states, or the first token's.
    """

    dimension: int
    max_tokens: int
    pooling: Literal["mean", "cls"] = "mean"
    query: str = ""
    document: str = ""


def read_layout(folder: Path, name: str) -> Layout | None:
    """Return the layout of a model that CTranslate2 runs exactly like sentence-transformers, None for any other.

    Raises EmbedderMissing if a file is damaged.
    """
    config = _read(folder / "config.json")
    kind, activation = config.get("model_type"), config.get("hidden_act")
    pooling = _pooling_of(_read(folder / "1_Pooling" / "config.json"))
    reading = _read(folder / "sentence_bert_config.json")
    settings = _read(folder / "config_sentence_transformers.json")
    is_usual = (
        kind in _LOST_POSITIONS
        and activation == "gelu"
        and pooling is not None
        and modules_of(folder) in _MODULES
        and not (reading.get("do_lower_case") or settings.get("default_prompt_name"))
        and all((folder / name).is_file() for name in ("tokenizer.json", "model.safetensors"))
    )
    if not is_usual or pooling is None:
        return None
    positions = int(config["max_position_embeddings"]) - _LOST_POSITIONS[kind]
    limit = reading.get("max_seq_length") or _read(folder / "tokenizer_config.json").get("model_max_length")
    prompts = prompts_of(name, settings.get("prompts") or {})
    return Layout(
        dimension=int(config["hidden_size"]),
        max_tokens=min(int(limit or positions), positions),
        pooling=pooling,
        query=prompts.get("query") or "",
        document=next((prompts[key] for key in _DOCUMENT_PROMPTS if prompts.get(key)), ""),
    )


def modules_of(folder: Path) -> list[str]:
    """Return the types of the model's modules in order, such as Transformer and Pooling; empty if it lists none."""
    modules = _read(folder / "modules.json", list)
    return [str(module.get("type", "")).rpartition(".")[2] for module in modules if isinstance(module, dict)]


def prompts_of(name: str, prompts: dict[str, Any]) -> dict[str, Any]:
    """Return the model's prompts, or those of the E5 family, whose files do not name them."""
    return _E5_PROMPTS if _E5.search(Path(name).name) and not any(prompts.values()) else prompts


def _pooling_of(config: dict[str, Any]) -> Literal["mean", "cls"] | None:
    """Return the pooling mode, None for any other or for several."""
    if (mode := config.get("pooling_mode")) is not None:
        return mode if mode in _POOLING.values() else None
    modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    return _POOLING.get(modes[0]) if len(modes) == 1 else None


def _read(path: Path, kind: type = dict) -> Any:
    """Return the content of a JSON file; empty if it does not exist."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return kind()
    except (OSError, ValueError, RecursionError) as error:
        raise EmbedderMissing(f"cannot read {path} ({error}): get the embedder again") from error
    if not isinstance(content, kind):
        raise EmbedderMissing(f"{path} is not what its name says: get the embedder again")
    return content
