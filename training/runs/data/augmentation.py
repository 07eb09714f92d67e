"""Augments dialogues with summaries: other names, swapped speakers, the style of phone chats."""

import random
import re
from functools import cache
from importlib.resources import files

SPEAKER_TAG = re.compile(r"#Person\d+#")
_WORD = re.compile(r"\w+")
_SYLLABLES = re.findall("..", "babidadoelfahaiojakakelalelumamimonanionlparareriorosatativaviyaza")
_SHORT_FORMS = {
    "going to": "gonna",
    "want to": "wanna",
    "because": "cause",
    "okay": "ok",
    "you": "u",
    "are": "r",
    "please": "pls",
}


@cache
def first_names() -> tuple[str, ...]:
    """Return the given names that replace speaker tags."""
    return tuple(files("training.runs.data").joinpath("names.txt").read_text(encoding="utf-8").split())


def name_speakers(dialogue: str, summary: str, rng: random.Random, made_up: float = 0.0) -> tuple[str, str]:
    """Replace each `#PersonN#` by a given name, the same in both texts. A share `made_up` of the names is invented, so
    that a model can only copy them.

    Names that occur in either text are not used, so that two people never become one.
    """
    tags = sorted(set(SPEAKER_TAG.findall(dialogue)) | set(SPEAKER_TAG.findall(summary)))
    taken = set(_WORD.findall(dialogue)) | set(_WORD.findall(summary))
    names: dict[str, str] = {}
    for tag in tags:
        while (name := _name(rng, made_up)) in taken:
            pass
        taken.add(name)
        names[tag] = name
    return _replace(dialogue, names), _replace(summary, names)


def rename_people(dialogue: str, summary: str, rng: random.Random, made_up: float = 0.0) -> tuple[str, str]:
    """Replace all given names in the texts by others, the same in both, so that a model learns to copy names. Speaker
    tags stay.
    """
    words = set(_WORD.findall(dialogue)) | set(_WORD.findall(summary))
    taken, names = set(words), dict[str, str]()
    for name in sorted(words & set(first_names())):
        while (new := _name(rng, made_up)) in taken:
            pass
        taken.add(new)
        names[name] = new

    def rename(text: str) -> str:
        return _WORD.sub(lambda match: names.get(match.group(), match.group()), text)

    return rename(dialogue), rename(summary)


def write_as_chat(dialogue: str, rng: random.Random) -> str:
    """Rewrite the turns as people type on a phone: lower-case starts, no final full stops, short forms."""
    return "\n".join(_typed(turn, rng) for turn in dialogue.split("\n"))


def swap_speakers(dialogue: str, summary: str) -> tuple[str, str]:
    """Exchange `#Person1#` and `#Person2#` in both texts."""
    exchanged = {"#Person1#": "#Person2#", "#Person2#": "#Person1#"}
    return _replace(dialogue, exchanged), _replace(summary, exchanged)


def begin_late(dialogue: str, summary: str) -> tuple[str, str]:
    """Remove the first of four or more turns, and renumber the first two speakers in order of speaking."""
    _, *turns = dialogue.split("\n")
    if len(turns) < 3:
        return dialogue, summary
    rest = "\n".join(turns)
    return swap_speakers(rest, summary) if rest.startswith("#Person2#") else (rest, summary)


def join(
    one: tuple[str, str], other: tuple[str, str], tags: int, rng: random.Random, made_up: float = 0.0
) -> tuple[str, str]:
    """Join two dialogues with summaries into one group conversation. In half of the cases, #Person1# is the same person
    in both; all others in the second dialogue are new. Speakers beyond the number of `tags` get given names.
    """
    talk = f"{one[0]}\n{other[0]}", f"{one[1]} {other[1]}"
    taken = set(_WORD.findall(" ".join(talk)))
    count = len(set(SPEAKER_TAG.findall(" ".join(one))))
    people: dict[str, str] = {}
    stays = rng.random() < 0.5
    for tag in sorted(set(SPEAKER_TAG.findall(" ".join(other)))):
        if stays and tag == "#Person1#":
            continue
        count += 1
        people[tag] = f"#Person{count}#"
        if count > tags:
            while (name := _name(rng, made_up)) in taken:
                pass
            taken.add(name)
            people[tag] = name
    return f"{one[0]}\n{_replace(other[0], people)}", f"{one[1]} {_replace(other[1], people)}"


def _name(rng: random.Random, made_up: float) -> str:
    if made_up and rng.random() < made_up:
        return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))).capitalize()
    return rng.choice(first_names())


def _typed(turn: str, rng: random.Random) -> str:
    speaker, separator, said = turn.partition(": ")
    if rng.random() < 0.7:
        said = said[:1].lower() + said[1:] if not said.startswith(("I ", "I'")) else said
        said = said.removesuffix(".")
    for long, short in _SHORT_FORMS.items():
        if rng.random() < 0.3:
            said = re.sub(rf"\b{long}\b", short, said)
    return f"{speaker}{separator}{said}"


def _replace(text: str, names: dict[str, str]) -> str:
    return SPEAKER_TAG.sub(lambda match: names.get(match.group(), match.group()), text)
