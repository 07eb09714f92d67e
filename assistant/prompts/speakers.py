"""Replaces speakers' names by tags such as `#Person1#` for models that read tags, and restores the names in their
texts.

A small model copies names badly and relies on the order of speakers. A tag is one token of its vocabulary, and with
tags in order of speaking, the same conversation between other people reads the same. The idea is the anonymized
entities of Hermann et al. 2015 (arXiv:1506.03340, section 2.1).
"""

import re
from collections.abc import Mapping, Sequence

from assistant.dialogue import parse
from assistant.dialogue.turns import NARRATOR
from assistant.errors import InputUnreadable
from assistant.prompts.reading import conversation_in
from assistant.records import Record

_SHORTEST = 3
"""Shorter names are not replaced inside sentences, where "A" or "Al" is mostly a word."""
# fmt: off
_WORDS = frozenset({
    "Agent", "Angel", "April", "Art", "Bill", "Bishop", "Buddy", "Chase", "Dad", "Dawn", "Doctor", "Drew", "Faith",
    "Frank", "Gene", "Grace", "Guest", "Guy", "Hope", "Host", "Iris", "Ivy", "Jack", "Joy", "June", "Mark", "May",
    "Mom", "Mum", "Nick", "Olive", "Page", "Pat", "Pearl", "Ray", "Rich", "Rob", "Robin", "Rose", "Ruby", "Sandy",
    "Sky", "Sue", "Summer", "Teacher", "User", "Wade", "Will",
})
# fmt: on
"""Names that are also words at the start of a sentence: "Will you come?", "Mark it". There they count as names only if
somebody is addressed.
"""
_OPENS = re.compile(r"(?:^|[.!?:…\n\"“])\s*$")
_CALLED = re.compile(r"[,!?.'’…:]|$")


class Shown(Record, frozen=True):
    """A text as the model reads it. `names` maps each tag to its speaker, empty if the text is unchanged."""

    text: str
    names: dict[str, str] = {}


def show(prompt: str, tags: Sequence[str]) -> Shown:
    """Replace the speakers of the prompt's conversation by tags, in order of speaking. Speakers beyond the last tag
    keep their names, and a prompt that matches no template is unchanged.
    """
    if not tags:
        return Shown(text=prompt)
    conversation = conversation_in(prompt)
    if conversation == prompt.strip():
        return Shown(text=prompt)
    start = prompt.rindex(conversation)
    names = _tagged(conversation, tags)
    before, after = prompt[:start], prompt[start + len(conversation) :]
    return Shown(text=before + _hide_turns(conversation, names) + _hide_mentions(after, names), names=names)


def show_turns(conversation: str, tags: Sequence[str]) -> Shown:
    """Replace the speakers of a conversation by itself, one turn per line."""
    names = _tagged(conversation, tags) if tags else {}
    return Shown(text=_hide_turns(conversation, names), names=names)


def restore(text: str, names: Mapping[str, str]) -> str:
    """Restore the names for the tags in a model's text."""
    return re.sub(_any_of(names), lambda found: names[found.group()], text) if names else text


def hide(text: str, names: Mapping[str, str]) -> str:
    """Replace the names by tags in a text about the conversation, such as its summary: the inverse of `restore`."""
    tags = {spelled: tag for tag, name in names.items() for spelled in (name, *_first_name(name, names))}
    return _of_any(tags).sub(lambda found: tags[found.group()], text) if tags else text


def explain(names: Mapping[str, str]) -> str:
    """Return a sentence that says which tags the model reads for whom, empty if it reads the names."""
    pairs = [f"{tag} for {name}" for tag, name in names.items() if tag != name]
    return f"The model reads {', '.join(pairs)}, and the answer gets the names back." if pairs else ""


class Restoring:
    """`restore` for streamed text: what may be the start of a tag is held back."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._held = ""

    def add(self, piece: str) -> str:
        """Add a piece and return the text that is final."""
        self._held += piece
        length = max((_open_end(self._held, tag) for tag in self._names), default=0)
        certain, self._held = self._held[: len(self._held) - length], self._held[len(self._held) - length :]
        return restore(certain, self._names)

    def finish(self) -> str:
        """Return the text held back."""
        held, self._held = self._held, ""
        return restore(held, self._names)


def _tagged(conversation: str, tags: Sequence[str]) -> dict[str, str]:
    try:
        speakers = [name for name in parse(conversation).speakers if name != NARRATOR]
    except InputUnreadable:  # an empty prompt whose tokens are counted
        return {}
    # A speaker whose real name is a tag would be confused with another; such a conversation is unchanged.
    return {} if set(speakers[len(tags) :]) & set(tags) else dict(zip(tags, speakers, strict=False))


def _hide_turns(conversation: str, names: Mapping[str, str]) -> str:
    if not names:
        return conversation
    tags = {name: tag for tag, name in names.items()}
    heads = re.compile(rf"^(?:{_any_of(tags)})(?=\s*:)", re.MULTILINE)
    lines = []
    for line in conversation.split("\n"):
        head = heads.match(line)
        said = line[head.end() :] if head else line
        lines.append((tags[head.group()] if head else "") + _hide_mentions(said, names))
    return "\n".join(lines)


def _hide_mentions(text: str, names: Mapping[str, str]) -> str:
    """Replace the names of speakers who are mentioned or addressed."""
    tags = {
        spelled: tag
        for tag, name in names.items()
        for spelled in (name, *_first_name(name, names))
        if len(spelled) >= _SHORTEST and not spelled[0].islower()
    }
    if not tags:
        return text
    return _of_any(tags).sub(lambda found: tags[found.group()] if _is_name(found) else found.group(), text)


def _is_name(found: re.Match[str]) -> bool:
    opens = _OPENS.search(found.string, 0, found.start()) is not None
    return found.group() not in _WORDS or not opens or _CALLED.match(found.string, found.end()) is not None


def _first_name(name: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the first word of a name of several words, if no other speaker's name starts with it;
    titles do not count.
    """
    first, _, rest = name.partition(" ")
    is_shared = sum(other.partition(" ")[0] == first for other in names.values()) > 1
    return (first,) if rest and not is_shared and first.isalpha() and len(first) >= _SHORTEST else ()


def _of_any(words: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{_any_of(words)})(?!\w)")


def _any_of(words: Mapping[str, str]) -> str:
    # Longest first, so that "Ann" does not match in "Ann Lee".
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _open_end(text: str, tag: str) -> int:
    """Return the length of the text's suffix with which the tag may start."""
    return next((size for size in range(min(len(tag), len(text)), 0, -1) if tag.startswith(text[-size:])), 0)
