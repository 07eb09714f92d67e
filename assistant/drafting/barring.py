"""Finds the tokens that would write a name or a number not in the source.

The decision is made for each token, before generation, so it is coarse: a token may be the harmless start of a longer
word, and harmless tokens may form a new name together. Tokens of lower-case words and of common words that open
sentences are never barred.
"""

import re
from collections.abc import Iterable
from functools import cache

from assistant.engine.tokens import ModelTokenizer, tokenizer_of
from assistant.scoring.faithfulness.support import Evidence, Mention, mentions

_CLAIMING = re.compile(r"\S*(?:[^\W\d_]*[A-Z]|\d)\S*")


def barred_ids(folder: str, source: str) -> tuple[int, ...]:
    """Return the ids that a text about the source may not contain, for the model in the folder."""
    tokenizer = tokenizer_of(folder)
    evidence = Evidence.of(source)
    allowed = _spelling(tokenizer, source)
    return tuple(
        index
        for index, claims in _claiming_pieces(folder).items()
        if index not in allowed and not (claims and all(map(evidence.supports, claims)))
    )


def beginnings(folder: str, names: Iterable[str]) -> tuple[int, ...]:
    """Return the ids with which any of these names or numbers can start, however they are tokenized."""
    ids = _ids_of_texts(folder)
    spelled = {space + name[:length] for name in names for length in range(1, len(name) + 1) for space in ("", " ")}
    return tuple(sorted(ids[text] for text in spelled if text in ids))


def _spelling(tokenizer: ModelTokenizer, source: str) -> set[int]:
    """Return every id in the source's tokenization, and those of its names and numbers inside a sentence."""
    words = {word.strip(".,:;!?()\"'") for word in _CLAIMING.findall(source)}
    inside = [f"a {word}" for word in words]
    return {index for ids in tokenizer.encode_all([source, *words, *inside]) for index in ids}


@cache
def _ids_of_texts(folder: str) -> dict[str, int]:
    return {text: index for index, text in tokenizer_of(folder).inner_texts().items()}


@cache
def _claiming_pieces(folder: str) -> dict[int, tuple[Mention, ...]]:
    """Return the tokens that are, or start, a name or a number, each with what it claims by itself."""
    found: dict[int, tuple[Mention, ...]] = {}
    for index, text in tokenizer_of(folder).inner_texts().items():
        word = text.strip()
        has_digit = any(character.isdigit() for character in word)
        # Lower-case letters are a number only as a whole word: not "ten" inside "often", nor "k", which starts many
        # words.
        is_word = word[:1].isupper() or (text[:1] == " " and len(word) > 1)
        claims = mentions(word) if has_digit or is_word else ()
        if claims or has_digit:
            found[index] = claims
    return found
