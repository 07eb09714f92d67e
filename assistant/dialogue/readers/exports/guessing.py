"""Reads messages from JSON of unknown programs, by paths that suggest a sender, a text and a time."""

import re
from collections.abc import Callable, Mapping, Sequence

from assistant.dialogue.readers.exports.values import Json, Row, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, Message, reading_of
from assistant.dialogue.turns import Reading

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# fmt: off
_SENDERS = frozenset({
    "name", "nick", "nickname", "user", "username", "author", "sender", "from", "speaker", "who", "member", "login",
    "participant", "owner", "agent", "handle", "by", "creator", "poster", "commenter",
})
_TEXTS = frozenset({
    "text", "body", "message", "content", "line", "msg", "comment", "said", "utterance", "caption", "transcript",
    "sentence",
})
# fmt: on
_NAMES = frozenset({"name", "nick", "nickname", "username", "login", "display", "full", "handle"})
_TIMES = frozenset({"time", "date", "timestamp", "ts", "created", "sent", "at", "when"})
_DEEPEST = 5


def read_guessed(rows: Sequence[Row]) -> Reading | None:
    """Read turns from rows by their most plausible paths. Returns None if there is no path for sender or text, or if
    fewer than a third of the texts contain a space.
    """
    flat = [flatten(row) for row in rows]
    said = _best(flat, _TEXTS, lambda values: sum(map(len, values)))
    sender = _best(flat, _SENDERS, lambda values: -len(set(values)), besides=said)
    if not said or not sender:
        return None
    time = _best(flat, _TIMES, lambda values: sum(seconds_of(value) is not None for value in values), besides=said)
    found = [
        Message(
            speaker=_person(row.get(sender, "")),
            text=row[said],
            time=row.get(time, ""),
            order=seconds_of(row.get(time)),
        )
        for row in flat
        if row.get(said, "").strip()
    ]
    if sum(" " in message.text.strip() for message in found) < len(found) / 3:
        return None
    return reading_of(found, {MEDIA: len(rows) - len(found)}, "JSON")


def flatten(value: Json, path: str = "", deepest: int = _DEEPEST) -> dict[str, str]:
    """Return the texts and numbers of a value by path, as {"author.name": "Ana"}. Those of list items are joined."""
    if isinstance(value, Mapping) and deepest:
        found: dict[str, str] = {}
        for key, inner in value.items():
            found |= flatten(inner, f"{path}.{key}" if path else str(key), deepest - 1)
        return found
    if isinstance(value, list) and deepest:
        joined: dict[str, list[str]] = {}
        for member in value:
            for key, said in flatten(member, path, deepest - 1).items():
                joined.setdefault(key, []).append(said)
        return {key: " ".join(parts) for key, parts in joined.items()}
    said = text_of(value)
    return {path: said} if said else {}


def _best(
    flat: Sequence[Mapping[str, str]], words: frozenset[str], score: Callable[[list[str]], int], besides: str = ""
) -> str:
    """Return the path that contains one of the words and is in most rows; names rank before numbers, then by score."""
    paths = {path for row in flat for path in row if path != besides and not words.isdisjoint(_words_of(path))}
    ranked = [
        (
            sum(path in row for row in flat),
            not _NAMES.isdisjoint(_words_of(path)) if words is _SENDERS else 0,
            score([row[path] for row in flat if path in row]),
            path,
        )
        for path in paths
    ]
    return max(ranked)[-1] if ranked else ""


def _words_of(path: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(path)}


def _person(value: str) -> str:
    return f"User {value}" if value.isdigit() or not value else value
