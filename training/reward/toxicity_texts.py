"""Parley's own texts for the toxicity head: insults, threats, and harmless counterparts in similar words."""

import random
import re
import tomllib
from importlib.resources import files

import msgspec

EACH = 16
"""Texts made from a training line, at most."""
_EACH_HELD_OUT = 3
_HELD_OUT = 4
"""Every fourth line is held out."""
_SLOT = re.compile(r"\{(\w+)\}")
Text = tuple[str, bool]
"""A text, and whether it is toxic."""


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    toxic: bool
    lines: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fill: dict[str, tuple[str, ...]]
    texts: tuple[_Texts, ...]


def own_texts(seed: int) -> tuple[list[Text], list[Text]]:
    """Return training texts and held-out texts. The latter come from other lines, filled with other words."""
    file = msgspec.convert(
        tomllib.loads(files("training.reward").joinpath("toxicity_texts.toml").read_text("utf-8")), _File
    )
    rng = random.Random(seed)
    taught: list[Text] = []
    kept: list[Text] = []
    for group in file.texts:
        for place, line in enumerate(group.lines, start=1):
            is_kept = place % _HELD_OUT == 0
            count = _EACH_HELD_OUT if is_kept else EACH
            (kept if is_kept else taught).extend(
                (text, group.toxic) for text in _filled(line, file.fill, count, rng, is_kept=is_kept)
            )
    return taught, kept


def _filled(line: str, fill: dict[str, tuple[str, ...]], count: int, rng: random.Random, *, is_kept: bool) -> list[str]:
    """Make at most `count` distinct texts from a line."""

    def word(slot: re.Match[str]) -> str:
        words = fill[slot[1]]
        edge = len(words) * 2 // 3
        return rng.choice(words[edge:] if is_kept else words[:edge])

    made = (_SLOT.sub(word, line) for _ in range(count))
    return list(dict.fromkeys(text[:1].upper() + text[1:] for text in made))
