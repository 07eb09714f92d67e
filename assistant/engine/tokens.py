"""Counts a model's tokens without loading it: the tokenizers library reads its tokenizer.json in milliseconds."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from assistant.errors import ModelDamaged


@cache
def token_counter(folder: str) -> Callable[[str], int]:
    """A function that says how many tokens the model in the folder reads a text as, `</s>` included."""
    from tokenizers import Tokenizer

    place = Path(folder) / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(place))
    except Exception as error:  # tokenizers raises nothing more exact
        raise ModelDamaged(f"cannot read {place}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text).ids)
