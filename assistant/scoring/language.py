"""Detects the language of a text with py3langid."""

from functools import cache
from typing import Any

_CANDIDATES = """
ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sr sv ta th tr uk ur
vi zh
"""
_NAMES = {
    "ar": "Arabic", "da": "Danish", "de": "German", "el": "Greek", "es": "Spanish", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "he": "Hebrew", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip
_MIN_LETTERS = 40
"""Shorter texts are not classified: detection relies on common words."""
_SURE = 0.95


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code of the text's language; None if the text is too short or mixed."""
    if sum(letter.isalpha() for letter in text) < _MIN_LETTERS:
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability >= _SURE else None


def language_name(code: str) -> str:
    """Return the language's English name, or its code if the name is unknown."""
    return _NAMES.get(code, code)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # takes 100 ms

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_CANDIDATES.split())
    return identifier
