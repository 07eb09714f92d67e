"""Turns wishes into decoder settings: a number of words becomes limits in tokens, a choice needs several drafts."""

import msgspec

from assistant.records import GenerationSettings

_TOKENS_PER_WORD = 1.4
"""Tokens per English word are 1.2 to 1.4 in the vocabularies of T5 and pocket; the larger leaves room to finish."""
_CHOICES = 6
"""The number of drafts to choose from by a wish."""
_LENGTHS = 12
"""The number of drafts to choose the best length from: twice as many beams take 10 % more time."""


def aim(
    settings: GenerationSettings, words: int | None, wish: str = "", *, is_reasoning: bool = False
) -> GenerationSettings:
    """Return the settings with token limits around the number of words, and enough drafts to choose from by length or
    wish. With reasoning there are no limits, because its length does not count.
    """
    if wish:
        settings = _with_drafts(settings, _CHOICES)
    if not words:
        return settings
    settings = _with_drafts(settings, _LENGTHS)
    if is_reasoning:
        return settings
    tokens = words * _TOKENS_PER_WORD
    return msgspec.structs.replace(
        settings,
        min_new_tokens=max(1, round(0.8 * tokens)),
        max_new_tokens=round(1.3 * tokens) + 4,
    )


def widen(settings: GenerationSettings) -> GenerationSettings:
    """Return the settings with as many drafts as `rerank` chooses from."""
    if settings.faithful != "rerank" or settings.decoding == "greedy":
        return settings
    return _with_drafts(settings, settings.candidates)


def _with_drafts(settings: GenerationSettings, drafts: int) -> GenerationSettings:
    """Return the settings with at least this many drafts, using beams if the decoding is greedy."""
    drafts = max(drafts, settings.drafts)
    decoding = "sample" if settings.decoding == "sample" else "beam"
    beams = max(settings.beams, drafts) if decoding == "beam" else settings.beams
    return msgspec.structs.replace(settings, decoding=decoding, beams=beams, drafts=drafts)
