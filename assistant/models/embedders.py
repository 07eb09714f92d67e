"""Lists and checks the embedders on this machine: sentence-transformers models, which embed documents for search. Loads
none.
"""

from pathlib import Path

import msgspec

from assistant.errors import ModelDamaged, ModelMissing
from assistant.models.folder import count_parameters, is_embedder, read_licence
from assistant.models.registry import candidates, locate

_OTHER = "no embedder, which is a sentence-transformers model with modules.json"


class EmbedderFacts(msgspec.Struct, frozen=True):
    """Facts from the files of an embedder; `ref` is the user's reference to it."""

    ref: str
    folder: str
    parameters: int
    licence: str


def inspect_embedder(ref: str, folder: Path) -> EmbedderFacts:
    """Check that the folder holds a complete embedder. Raises ModelDamaged with the problem."""
    if not is_embedder(folder):
        raise ModelDamaged(f"{ref} is {_OTHER}: name one, such as intfloat/multilingual-e5-small")
    return EmbedderFacts(ref=ref, folder=str(folder), parameters=count_parameters(folder), licence=read_licence(folder))


def embedder_folder(ref: str) -> Path:
    """Return the folder of the embedder that a Hub id or a path names.

    Raises ModelMissing if it is not on this machine and ModelDamaged if its files are incomplete.
    """
    try:
        folder = locate(ref)
    except ModelMissing:
        advice = f"`assistant models pull {ref}` downloads it" if ref.count("/") == 1 else "name a folder or a Hub id"
        raise ModelMissing(f"there is no embedder {ref!r} on this machine: {advice}") from None
    inspect_embedder(ref, folder)
    return folder


def list_embedders() -> list[EmbedderFacts]:
    """Return every complete embedder that was pulled or is in the Hub's cache."""
    found: dict[str, EmbedderFacts] = {}
    for ref, folder in candidates():
        if is_embedder(folder):
            try:
                found.setdefault(ref, inspect_embedder(ref, folder))
            except ModelDamaged:
                continue  # `assistant knowledge update --embedder REF` reports the problem
    return list(found.values())
