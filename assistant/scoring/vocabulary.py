"""Finds invented words: lower-case words of a text that are neither in its source nor in an English dictionary."""

import re
from functools import cache

from assistant.scoring.faithfulness.support import Evidence

_LOWER_WORD = re.compile(r"(?<![\w#'’-])[a-z][a-z'’]+(?![\w'’])")
_CONTRACTED = re.compile(r"['’](?:s|m|d|ll|re|ve|t)?$|n['’]t$")
_BRITISH = (("our", "or"), ("is", "iz"), ("ys", "yz"), ("re", "er"), ("ll", "l"), ("ogue", "og"), ("ence", "ense"))
"""British spellings and their American counterparts, which the dictionary has."""


def invented_words(text: str, evidence: Evidence) -> tuple[str, ...]:
    """Return the lower-case words that are neither in the source nor in a dictionary, each once, in order.

    Capitalized words are names, which `scoring.faithfulness.support` checks.
    """
    words = dict.fromkeys(match.group() for match in _LOWER_WORD.finditer(text))
    return tuple(word for word in words if not _is_known(_CONTRACTED.sub("", word), evidence))


def _is_known(word: str, evidence: Evidence) -> bool:
    if len(word) < 3 or word in evidence.words or word in _dictionary():
        return True
    return any(british in word and word.replace(british, other) in _dictionary() for british, other in _BRITISH)


@cache
def _dictionary() -> frozenset[str]:
    from spellchecker import SpellChecker  # its word list takes 100 ms to read

    return frozenset(SpellChecker(language="en").word_frequency.dictionary)
