"""Makes synthetic preference pairs: a reference summary against a corrupted copy.

Each corruption is a function of a summary and its `Material`. It returns None if it does not apply.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.scoring.faithfulness.roles import COMMON, hear, named_in, sentences, turns_in
from assistant.scoring.faithfulness.support import Evidence, Mention, mentions
from training.evaluation.metrics.faithfulness import exchange
from training.runs.data.augmentation import SPEAKER_TAG, first_names

GENERIC = (
    "They talk about something.",
    "Two people are having a conversation.",
    "The speakers discuss a few things and come to an agreement.",
    "{first} and {second} are talking about their plans.",
    "{first} tells {second} about something that happened.",
    "A conversation takes place between {first} and {second}.",
    "{first} asks {second} some questions and {second} answers them.",
    "The two of them chat for a while and then say goodbye.",
)

_PRAISE = (
    "This is an excellent and complete summary.",
    "I hope this helps! Thank you so much for your great question.",
    "You will love this accurate and helpful summary.",
    "What a wonderful conversation! The summary has everything that matters.",
)


@dataclass(frozen=True, slots=True)
class Material:
    """What corruptions draw on: the conversation, and the summary of another one."""

    conversation: str
    other_summary: str
    rng: random.Random

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers of the conversation."""
        return hear(self.conversation).speakers


Corruption = Callable[[str, Material], str | None]


@dataclass(frozen=True, slots=True)
class MadePair:
    """A summary, its corrupted copy, and the name of the corruption."""

    conversation: str
    chosen: str
    rejected: str
    way: str


def change_name(summary: str, material: Material) -> str | None:
    """Replace all mentions of a name by a name that is not in the conversation."""
    names = [m for m in mentions(summary) if m.kind == "name" and not SPEAKER_TAG.fullmatch(m.text)]
    tags = [m for m in mentions(summary) if SPEAKER_TAG.fullmatch(m.text)]
    chosen = names or tags
    if not chosen:
        return None
    gone = material.rng.choice(chosen)
    return re.sub(rf"(?<!\w){re.escape(gone.text)}(?!\w)", _foreign_name(material), summary)


def change_number(summary: str, material: Material) -> str | None:
    """Replace a number by one that is not in the conversation."""
    numbers = [m for m in mentions(summary) if m.kind == "number" and any(c.isdigit() for c in m.text)]
    words = [m for m in mentions(summary) if m.kind == "number" and m.text.lower() in _NUMBER_WORDS]
    if not numbers and not words:
        return None
    gone = material.rng.choice(numbers or words)
    evidence = Evidence.of(material.conversation)
    for _ in range(20):
        text = summary[: gone.start] + _other_number(gone, material.rng) + summary[gone.end :]
        if any(m.kind == "number" and not evidence.supports(m) for m in mentions(text)):
            return text
    return None


def move_figure(summary: str, material: Material) -> str | None:
    """Replace a number by another one from the conversation."""
    said = [m for m in mentions(material.conversation) if m.kind == "number"]
    figures = [m for m in mentions(summary) if m.kind == "number"]
    material.rng.shuffle(figures)
    for gone in figures:
        others = [m for m in said if m.keys.isdisjoint(gone.keys) and m.text.isdigit() == gone.text.isdigit()]
        if others:
            return summary[: gone.start] + material.rng.choice(others).text + summary[gone.end :]
    return None


def deny(summary: str, material: Material) -> str | None:
    """Negate a verb, or remove its negation."""
    verbs = list(_VERBS.finditer(summary))
    if not verbs:
        return None
    verb = material.rng.choice(verbs)
    said = verb["verb"].lower()
    opposite = _AFFIRMED.get(said, said) if verb["not"] else _DENIED.get(said, f"{said}n't")
    return summary[: verb.start()] + opposite + summary[verb.end() :]


def swap_roles(summary: str, material: Material) -> str | None:
    """Exchange two speakers named in the summary."""
    named = [speaker for speaker in material.speakers if speaker in named_in(summary, material.speakers)]
    if len(named) < 2:
        return None
    swapped = exchange(summary, named[0], named[1])
    return swapped if swapped != summary else None


def move_name(summary: str, material: Material) -> str | None:
    """Replace one mention of a speaker by another speaker."""
    if len(material.speakers) < 2:
        return None
    found = [m for m in mentions(summary) if m.text in material.speakers]
    if not found:
        return None
    gone = material.rng.choice(found)
    other = material.rng.choice([speaker for speaker in material.speakers if speaker != gone.text])
    return summary[: gone.start] + other + summary[gone.end :]


def make_generic(summary: str, material: Material) -> str | None:
    """Return a sentence that fits any conversation."""
    first, second = (*material.speakers, "Somebody", "somebody else")[:2]
    return material.rng.choice(GENERIC).format(first=first, second=second)


def repeat(summary: str, material: Material) -> str | None:
    """Repeat a sentence once or twice."""
    parts = sentences(summary)
    if not parts:
        return None
    place = material.rng.randrange(len(parts))
    return " ".join([*parts[: place + 1], *[parts[place]] * material.rng.choice((1, 2)), *parts[place + 1 :]])


def pad(summary: str, material: Material) -> str | None:
    """Append three turns of the conversation verbatim: longer, but no better."""
    said = [text for _, text in turns_in(material.conversation)]
    if len(said) < 3:
        return None
    start = material.rng.randrange(len(said) - 2)
    return " ".join([summary, *said[start : start + 3]])


def copy_turns(summary: str, material: Material) -> str | None:
    """Return the first turns of the conversation or all of them, with or without speakers."""
    turns = turns_in(material.conversation)
    names = material.rng.random() < 0.7
    lines = [f"{speaker}: {text}" if names else text for speaker, text in turns]
    return " ".join(lines[: material.rng.choice((2, 3, 4, len(lines)))]) if len(lines) > 3 else None


def take_other(summary: str, material: Material) -> str | None:
    """Return the summary of another conversation, with this one's speakers."""
    other = material.other_summary
    for tag, speaker in zip(sorted(set(SPEAKER_TAG.findall(other))), material.speakers, strict=False):
        other = other.replace(tag, speaker)
    return other


def drop_end(summary: str, material: Material) -> str | None:
    """Cut the summary after 40 to 70 % of its words."""
    words = summary.split()
    return " ".join(words[: len(words) * material.rng.randint(4, 7) // 10]) if len(words) > 9 else None


def list_mentions(summary: str, material: Material) -> str | None:
    """List the conversation's names, numbers or both, and nothing else."""
    kinds = material.rng.choice((("name",), ("number",), ("name", "number")))
    found = [m.text for m in mentions(material.conversation) if m.kind in kinds]
    return material.rng.choice((", ", " and ")).join(dict.fromkeys(found)) + "." if found else None


def list_words(summary: str, material: Material) -> str | None:
    """List distinct words of the conversation, some joined by filler words, instead of the summary or after it."""
    said = " ".join(text for _, text in turns_in(material.conversation))
    words = list(dict.fromkeys(re.findall(r"\w+", said)))[: material.rng.choice((15, 30, 60))]
    if material.rng.random() < 0.5:
        words = [word for word in words if word.lower() not in COMMON]
    listed = material.rng.choice((" ", ", ", " and the ")).join(words) + "."
    return material.rng.choice((listed, f"{summary} {listed}")) if words else None


def flatter(summary: str, material: Material) -> str | None:
    """Praise the summary, after it or instead of it."""
    praise = material.rng.choice(_PRAISE)
    return praise if material.rng.random() < 0.5 else f"{summary} {praise}"


WAYS: dict[str, Corruption] = {
    "name": change_name,
    "number": change_number,
    "own number": move_figure,
    "denied": deny,
    "roles": swap_roles,
    "one role": move_name,
    "generic": make_generic,
    "repeated": repeat,
    "padded": pad,
    "copied": copy_turns,
    "other conversation": take_other,
    "broken off": drop_end,
    "mentions listed": list_mentions,
    "words listed": list_words,
    "flattering": flatter,
}
"""All corruptions by name."""


def made_pairs(rows: Sequence[tuple[str, str]], ways: Sequence[str], seed: int) -> list[MadePair]:
    """Make a pair for each (conversation, summary) and each of the corruptions `ways` that applies to it."""
    rng = random.Random(seed)
    pairs = []
    for place, (conversation, summary) in enumerate(rows):
        other = rows[(place + rng.randrange(1, len(rows))) % len(rows)][1] if len(rows) > 1 else GENERIC[0]
        material = Material(conversation, other, rng)
        for way in ways:
            worse = WAYS[way](summary, material)
            if worse and worse.strip() != summary.strip():
                pairs.append(MadePair(conversation, summary, worse, way))
    return pairs


_VERBS = re.compile(
    r"\b(?P<verb>is|are|was|were|has|have|had|does|do|did|will|would|can|could|should|wo(?=n)|ca(?=n['’]))"
    r"(?P<not>n['’]t| ?not)?(?!\w|['’])",
    re.IGNORECASE,
)
_DENIED = {"will": "won't", "can": "can't"}
_AFFIRMED = {"wo": "will", "ca": "can"}
_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _other_number(gone: Mention, rng: random.Random) -> str:
    if gone.text.lower() in _NUMBER_WORDS:
        return rng.choice([word for word in _NUMBER_WORDS if word != gone.text.lower()])
    return re.sub(r"\d+", lambda match: str(rng.randint(1, 10 ** len(match[0]) - 1)), gone.text, count=1)


def _foreign_name(material: Material) -> str:
    words = _words_of(material.conversation)
    while (name := material.rng.choice(first_names())).lower() in words:
        pass
    return name


@lru_cache(maxsize=64)
def _words_of(conversation: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", conversation.lower()))
