"""Makes more dialogue-summary pairs out of one: other names, exchanged speakers. Knows text, not tokens."""

import random
import re
from functools import cache
from importlib.resources import files

SPEAKER_TAG = re.compile(r"#Person\d+#")


@cache
def first_names() -> tuple[str, ...]:
    """The given names that stand in for speaker tags."""
    return tuple(files("training").joinpath("names.txt").read_text(encoding="utf-8").split())


def name_speakers(dialogue: str, summary: str, rng: random.Random) -> tuple[str, str]:
    """Replace each `#PersonN#` by a given name, the same in both texts.

    Names that already occur in either text are not used, so that two people never become one.
    """
    tags = sorted(set(SPEAKER_TAG.findall(dialogue)) | set(SPEAKER_TAG.findall(summary)))
    taken = set(re.findall(r"\w+", dialogue)) | set(re.findall(r"\w+", summary))
    names: dict[str, str] = {}
    for tag in tags:
        while (name := rng.choice(first_names())) in taken:
            pass
        taken.add(name)
        names[tag] = name
    return _replace(dialogue, names), _replace(summary, names)


def swap_speakers(dialogue: str, summary: str) -> tuple[str, str]:
    """Exchange `#Person1#` and `#Person2#` in both texts: what was said by one is now said by the other."""
    exchanged = {"#Person1#": "#Person2#", "#Person2#": "#Person1#"}
    return _replace(dialogue, exchanged), _replace(summary, exchanged)


def _replace(text: str, names: dict[str, str]) -> str:
    return SPEAKER_TAG.sub(lambda match: names.get(match.group(), match.group()), text)
