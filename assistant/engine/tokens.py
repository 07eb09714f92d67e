"""Converts text to tokens of a model's vocabulary and back, with the tokenizers library."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from assistant.errors import ModelDamaged

EOS = "</s>"
_HALF = "\ufffd"


class ModelTokenizer:
    """The tokenizer of a model folder. It never truncates or pads, and always ends a text with `</s>`."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises no narrower type
            raise ModelDamaged(f"cannot read {folder / 'tokenizer.json'}: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        end = self._tokenizer.token_to_id(EOS)
        if end is None:
            raise ModelDamaged(f"the tokenizer in {folder} has no {EOS} piece: Parley reads T5-type models only")
        self._end = int(end)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text, with `</s>` at the end."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids if ids and ids[-1] == self._end else [*ids, self._end]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the vocabulary entries of the ids."""
        return [self._tokenizer.id_to_token(index) or "" for index in ids]

    def ids(self, pieces: Sequence[str]) -> list[int]:
        """Return the ids of vocabulary entries, leaving out unknown ones."""
        found = (self._tokenizer.token_to_id(piece) for piece in pieces)
        return [index for index in found if index is not None]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, without `</s>`."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[index for index in one.ids if index != self._end] for one in found]

    def inner_texts(self) -> dict[int, str]:
        """Return the text that each id adds to a preceding text, with a space before it if any. Special tokens are left
        out.
        """
        before = self._tokenizer.encode("a", add_special_tokens=False).ids
        start = len(self._tokenizer.decode(before))
        ids = sorted(self._tokenizer.get_vocab(with_added_tokens=False).values())
        return dict(
            zip(ids, (text[start:] for text in self._tokenizer.decode_batch([[*before, i] for i in ids])), strict=True)
        )

    def count(self, text: str) -> int:
        """Count the text's tokens, `</s>` included."""
        return len(self.encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of the ids without special tokens and surrounding white space."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()


@cache
def tokenizer_of(folder: str) -> ModelTokenizer:
    """Return the tokenizer of the model in the folder, cached."""
    return ModelTokenizer(Path(folder))


def token_counter(folder: str) -> Callable[[str], int]:
    """Return a function that counts a text's tokens, `</s>` included, for the model in the folder."""
    return tokenizer_of(folder).count


class GrowingText:
    """Decodes a growing list of ids. `on_piece` receives only final text: no partial character, no trailing white
    space.
    """

    def __init__(self, tokenizer: ModelTokenizer, on_piece: Callable[[str], None]) -> None:
        self._tokenizer = tokenizer
        self._on_piece = on_piece
        self._ids: list[int] = []
        self._shown = ""

    def add(self, index: int) -> None:
        """Add an id."""
        self._ids.append(index)
        # A character of several byte tokens decodes to replacement characters until the last one arrives.
        self._show(self._tokenizer.decode(self._ids).rstrip(_HALF).rstrip())

    def finish(self, text: str) -> None:
        """Show the text held back, now that the whole text is known."""
        self._show(text)

    def _show(self, text: str) -> None:
        if len(text) > len(self._shown) and text.startswith(self._shown):
            self._on_piece(text[len(self._shown) :])
            self._shown = text
