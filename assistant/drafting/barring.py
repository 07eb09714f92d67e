"""Which pieces of a model's vocabulary would write a name or a number that a source does not contain.

The judgement is made piece by piece, before anything is written. So it is coarse: a piece may be the harmless begin of
a longer word, and what several harmless pieces make together may be a new name. Pieces of lower-case words and of
common words that open sentences always stay.
"""

import re
from collections.abc import Iterable
from functools import cache

from assistant.engine.tokens import ModelTokenizer, tokenizer_of
from assistant.scoring.faithfulness.support import Evidence, Mention, mentions

_CLAIMING = re.compile(r"\S*(?:[^\W\d_]*[A-Z]|\d)\S*")


def barred_ids(folder: str, source: str) -> tuple[int, ...]:
    """The ids that a text about the source may not contain, for the model in the folder."""
    tokenizer = tokenizer_of(folder)
    evidence = Evidence.of(source)
    allowed = _spelling(tokenizer, source)
    return tuple(
        index
        for index, claims in _claiming_pieces(folder).items()
        if index not in allowed and not (claims and all(map(evidence.supports, claims)))
    )


def beginnings(folder: str, names: Iterable[str]) -> tuple[int, ...]:
    """The ids that each of these names or numbers may begin with, however it is put together."""
    ids = _ids_of_texts(folder)
    spelled = {space + name[:length] for name in names for length in range(1, len(name) + 1) for space in ("", " ")}
    return tuple(sorted(ids[text] for text in spelled if text in ids))


def _spelling(tokenizer: ModelTokenizer, source: str) -> set[int]:
    """Every id that the source is written with, and that its names and numbers are written with inside a sentence."""
    words = {word.strip(".,:;!?()\"'") for word in _CLAIMING.findall(source)}
    inside = [f"a {word}" for word in words]
    return {index for ids in tokenizer.encode_all([source, *words, *inside]) for index in ids}


@cache
def _ids_of_texts(folder: str) -> dict[str, int]:
    return {text: index for index, text in tokenizer_of(folder).inner_texts().items()}


@cache
def _claiming_pieces(folder: str) -> dict[int, tuple[Mention, ...]]:
    """The pieces that are a name or a number, or the begin of one, and what each says by itself."""
    found: dict[int, tuple[Mention, ...]] = {}
    for index, text in tokenizer_of(folder).inner_texts().items():
        word = text.strip()
        has_digit = any(character.isdigit() for character in word)
        # Lower-case letters are a number only as a whole word: "ten" inside "often" is none, and "k" begins many words.
        is_word = word[:1].isupper() or (text[:1] == " " and len(word) > 1)
        claims = mentions(word) if has_digit or is_word else ()
        if claims or has_digit:
            found[index] = claims
    return found
