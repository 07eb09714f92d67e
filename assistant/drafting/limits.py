"""What a wish means for the decoder: a number of words becomes limits in tokens, a choice needs several texts."""

import msgspec

from assistant.records import GenerationSettings

_TOKENS_PER_WORD = 1.4
"""English words in the vocabularies of T5 and pocket take 1.2 to 1.4 tokens; the larger leaves room to finish."""
_CHOICES = 6
"""Drafts to choose from by a wish."""
_LENGTHS = 12
"""Drafts to choose the nearest to a length from: twice as many beams take a tenth more time."""


def aim(
    settings: GenerationSettings, words: int | None, wish: str = "", *, is_reasoning: bool = False
) -> GenerationSettings:
    """The settings with limits around so many words, and enough drafts to choose from by length or wish. A text that
    begins with its reasoning has no limits: how long that is does not count.
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
    """The settings with as many drafts as `rerank` chooses among."""
    if settings.faithful != "rerank" or settings.decoding == "greedy":
        return settings
    return _with_drafts(settings, settings.candidates)


def _with_drafts(settings: GenerationSettings, drafts: int) -> GenerationSettings:
    """At least so many drafts, by beams where the decoding gives only one."""
    drafts = max(drafts, settings.drafts)
    decoding = "sample" if settings.decoding == "sample" else "beam"
    beams = max(settings.beams, drafts) if decoding == "beam" else settings.beams
    return msgspec.structs.replace(settings, decoding=decoding, beams=beams, drafts=drafts)
