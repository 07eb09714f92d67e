"""Reads and writes checkpoints: trees of dicts, lists, tensors and JSON values.

Tensors are stored as safetensors and everything else as JSON; nothing is pickled.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from assistant.errors import AssistantError
from assistant.files import sync_dir, write_atomically

_TENSOR = "$tensor"


def write_checkpoint(folder: Path, step: int, tree: dict[str, Any]) -> None:
    """Write state.json and tensors.safetensors into an empty folder and sync them to disk."""
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _pack(tree, "", tensors)
    weights = folder / "tensors.safetensors"
    save_file(tensors, weights)
    weights.chmod(0o600)
    with weights.open("rb") as stream:
        os.fsync(stream.fileno())
    write_atomically(folder / "state.json", json.dumps({"step": step, "tree": skeleton}).encode())
    sync_dir(folder)


def read_checkpoint(folder: Path) -> tuple[int, dict[str, Any]]:
    """Read the step and the tree that `write_checkpoint` wrote. Raises AssistantError if they are damaged."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return int(state["step"]), _unpack(state["tree"], load_file(folder / "tensors.safetensors"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError, SafetensorError) as error:
        raise AssistantError(
            f"the checkpoint {folder} is damaged ({error}): start the run anew, without --resume"
        ) from error


def _pack(value: Any, place: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Return the tree as JSON values, and put every tensor into `tensors` under its path.

    Dicts become lists of pairs, because keys may be numbers (an optimizer's parameters), which JSON would turn into
    text.
    """
    if isinstance(value, torch.Tensor):
        tensors[place] = value.detach().contiguous().clone()
        return {_TENSOR: place}
    if isinstance(value, dict):
        return {"$dict": [[key, _pack(item, f"{place}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "$tuple" if isinstance(value, tuple) else "$list"
        return {kind: [_pack(item, f"{place}/{index}", tensors) for index, item in enumerate(value)]}
    return value


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == "$dict":
        return {key: _unpack(item, tensors) for key, item in content}
    items = [_unpack(item, tensors) for item in content]
    return tuple(items) if kind == "$tuple" else items
