"""Reads the metadata of a model folder and refuses damaged ones, before anything is loaded."""

import hashlib
import json
import math
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assistant.errors import ModelDamaged

ARCHITECTURES = ("t5", "mt5")
"""Encoder-decoders of the T5 family, which both backends and the trainer support."""
SPEAKER_TAGS = "speaker_tags"
"""The key of config.json that lists the tags a model reads in place of speakers' names. Trainers keep it in every model
they derive from it.
"""
BESIDE_WEIGHTS = (
    "generation_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "spiece.model",
)
"""A model's files besides weights and configuration. Parley reads only tokenizer.json; the rest is for the programs a
model is exported to.
"""
WEIGHTS = ("config.json", "*.safetensors", "*.safetensors.index.json")
MODULES = "modules.json"
"""The file that marks a sentence-transformers model and lists its modules."""
BESIDE_MODULES = (
    "config_sentence_transformers.json",
    "sentence_*_config.json",
    "sentencepiece.bpe.model",
    "[0-9]_*/config.json",
    "[0-9]_*/*.safetensors",
)
"""Further files of a sentence-transformers model."""
_INDEX = "model.safetensors.index.json"
_MAX_HEADER = 100_000_000  # the limit of the safetensors format


class FolderFacts(msgspec.Struct, frozen=True):
    """Facts from the files of a model folder: the number of parameters, the tokens it was trained to read, its licence,
    and the tags it reads in place of speakers' names.
    """

    parameters: int
    window: int
    licence: str
    speaker_tags: tuple[str, ...]


def inspect_folder(folder: Path) -> FolderFacts:
    """Check that the folder holds a complete T5-type model. Raises ModelDamaged with the problem."""
    if is_embedder(folder):
        raise ModelDamaged(f"{folder} holds an embedder: `assistant knowledge update --embedder REF` uses it")
    config = _read_json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ModelDamaged(f"{folder} holds a {kind!r} model: Parley reads T5-type encoder-decoders only")
    if not isinstance(_read_json(folder / "tokenizer.json").get("model"), dict):
        raise ModelDamaged(
            f"{folder / 'tokenizer.json'} is not a tokenizer of the tokenizers library: get the model again"
        )
    parameters = count_parameters(folder)
    window = config.get("n_positions")
    return FolderFacts(
        parameters=parameters,
        window=window if isinstance(window, int) and window > 0 else 512,
        licence=read_licence(folder),
        speaker_tags=_speaker_tags(config, folder),
    )


def is_embedder(folder: Path) -> bool:
    """Whether the folder holds a sentence-transformers model, which embeds text and generates none."""
    return (folder / MODULES).is_file()


def count_parameters(folder: Path) -> int:
    """Check that the weights are complete, and count the parameters. Raises ModelDamaged with the problem."""
    headers = [_read_header(path) for path in _weight_files(folder)]
    tensors = {name: count for header in headers for name, count in header.counts.items()}
    _check_index(folder, tensors.keys(), {name: kept for header in headers for name, kept in header.aliases.items()})
    return sum(tensors.values())


def fingerprint(folder: Path) -> str:
    """Return a hash of the configuration and the weights, which are read in full."""
    digest = hashlib.blake2b(digest_size=16)
    for path in (folder / "config.json", *_weight_files(folder)):
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def soft_prompt_of(folder: Path) -> str:
    """Return the folder of the model's soft prompt, empty if it has none."""
    adapter = folder / "adapter"
    if not (adapter / "adapter_config.json").is_file():
        return ""
    return str(adapter) if _read_json(adapter / "adapter_config.json").get("peft_type") == "PROMPT_TUNING" else ""


def weights_size(folder: Path) -> int:
    """Return the size of the weights on disk in bytes."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _speaker_tags(config: dict[str, Any], folder: Path) -> tuple[str, ...]:
    tags = config.get(SPEAKER_TAGS, [])
    if not (isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() for tag in tags)):
        raise ModelDamaged(f'"{SPEAKER_TAGS}" in {folder / "config.json"} must be a list of texts')
    return tuple(dict.fromkeys(tags))


def _weight_files(folder: Path) -> list[Path]:
    if (folder / _INDEX).exists():
        names = sorted(set(_weight_map(folder).values()))
        if missing := [name for name in names if not (folder / name).is_file()]:
            raise ModelDamaged(f"{folder} lacks {missing[0]}: get the model again")
        return [folder / name for name in names]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.ckpt")):
        raise ModelDamaged(f"{folder} has only pickled weights: Parley reads safetensors, which cannot run code")
    raise ModelDamaged(f"{folder} has no model.safetensors: get the model again")


def _weight_map(folder: Path) -> dict[str, str]:
    found = _read_json(folder / _INDEX).get("weight_map")
    if not isinstance(found, dict) or not all(isinstance(v, str) and Path(v).name == v for v in found.values()):
        raise ModelDamaged(f"{folder / _INDEX} is not an index of weights: get the model again")
    return dict(found)


def _check_index(folder: Path, tensors: Set[str], aliases: Mapping[str, str]) -> None:
    """Check that the files have all weights in the index. That of google/flan-t5-xl lists the embeddings of both
    stacks, which its files store as aliases.
    """
    known = tensors | {name for name, kept in aliases.items() if kept in tensors}
    if (folder / _INDEX).exists() and (missing := _weight_map(folder).keys() - known):
        raise ModelDamaged(f"{folder} lacks the weights {min(missing)}: get the model again")


class _Header(NamedTuple):
    """The number of elements of each tensor, and aliases of tensors."""

    counts: dict[str, int]
    aliases: dict[str, str]


def _read_header(path: Path) -> _Header:
    """Read the header of a safetensors file, and check the file's size against it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(_MAX_HEADER, size - 8):
            raise ModelDamaged(f"{path} is not a safetensors file: get the model again")
        try:
            header = json.loads(stream.read(length))
            entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
            end = max(entry["data_offsets"][1] for entry in entries.values())
            counts = {name: math.prod(entry["shape"]) for name, entry in entries.items()}
            aliases = {str(name): str(kept) for name, kept in header.get("__metadata__", {}).items()}
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
            raise ModelDamaged(f"{path} is not a safetensors file: get the model again") from error
    if size != 8 + length + end:
        raise ModelDamaged(f"{path} has {size} bytes instead of {8 + length + end}: get the model again")
    return _Header(counts, aliases)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelDamaged(f"{path.parent} lacks {path.name}: get the model again") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelDamaged(f"cannot read {path} ({error}): get the model again") from error
    if not isinstance(content, dict):
        raise ModelDamaged(f"{path} is not what its name says: get the model again")
    return content


def read_licence(folder: Path) -> str:
    """Return the `license:` line at the top of the model card, empty if there is none."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8")[:4000]
    except (OSError, UnicodeDecodeError):
        return ""
    for line in head.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "license":
            return value.strip().strip("\"'")
    return ""
