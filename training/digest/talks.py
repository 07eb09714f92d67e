"""Reads the conversations for training the digest, and the facts that their digests should have."""

from collections.abc import Iterator
from importlib import resources
from itertools import takewhile

from assistant.dialogue import parse
from assistant.records import Dialogue, Record

_RULE = "\n---\n"


class Needed(Record, frozen=True):
    """A fact or an action, and the words that prove it: a text has it if it contains a word of every group."""

    text: str
    words: tuple[tuple[str, ...], ...]

    def groups_in(self, text: str) -> frozenset[int]:
        """Return the indices of the groups with a word in the text."""
        lower = text.lower()
        return frozenset(at for at, group in enumerate(self.words) if any(word in lower for word in group))

    def is_in(self, text: str) -> bool:
        """Return whether the text has it."""
        return len(self.groups_in(text)) == len(self.words)


class Talk(Record, frozen=True):
    """A conversation with its facts and actions."""

    name: str
    dialogue: Dialogue
    facts: tuple[Needed, ...]
    actions: tuple[Needed, ...]


def read_talks() -> tuple[Talk, ...]:
    """Read all conversations in `talks/`, in order of name."""
    folder = resources.files(__package__).joinpath("talks")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(_read(file.name.removesuffix(".txt"), file.read_text(encoding="utf-8")) for file in files)


def _read(name: str, text: str) -> Talk:
    said, _, notes = text.partition(_RULE)
    return Talk(name=name, dialogue=parse(said), facts=tuple(_needed(notes, "F")), actions=tuple(_needed(notes, "A")))


def _needed(notes: str, mark: str) -> Iterator[Needed]:
    """Parse lines such as `F The fee is 450. | fee ; 450, four hundred and fifty`."""
    for line in notes.splitlines():
        if line.startswith(f"{mark} "):
            text, _, words = line.removeprefix(f"{mark} ").rpartition(" | ")
            groups = (tuple(word.strip().lower() for word in group.split(",")) for group in words.split(" ; "))
            yield Needed(text=text, words=tuple(tuple(takewhile(bool, group)) for group in groups))
