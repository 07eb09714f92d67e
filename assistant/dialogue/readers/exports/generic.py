"""Reads any JSON list of messages with a sender, a text and perhaps a time under recognizable keys."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from assistant.dialogue.notices import kind_of
from assistant.dialogue.readers.exports.guessing import read_guessed
from assistant.dialogue.readers.exports.values import Json, Row, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, only_one, reading_of
from assistant.dialogue.readers.named import read_names, read_tags, read_transcript
from assistant.dialogue.turns import NARRATOR, Reading, clean_text

_SPEAKER = (
    "speaker", "speaker_name", "speakerName", "sourceName", "sender_name", "senderName", "author", "author_name",
    "authorName", "displayName", "display_name", "nickname", "sender_full_name", "from_name", "fromName", "name",
    "from", "From", "fromUser", "sender", "user", "username", "userName", "participant", "creator", "u", "role",
    "speaker_label", "who", "personEmail", "author_id", "source", "DisplayName", "ParticipantRole", "ParticipantId",
)  # fmt: skip
_TEXT = (
    "text",
    "content",
    "Content",
    "message",
    "body",
    "utterance",
    "msg",
    "parts",
    "transcript",
    "sentence",
    "words",
    "elements",
    "value",
)
_TIME = (
    "time", "timestamp", "timestamp_ms", "date", "ts", "created_at", "createdAt", "create_at", "created_date",
    "createdDateTime", "created", "Created", "sent_at", "sent", "originalarrivaltime",
    "datetime", "start", "start_time", "startTime", "offset", "from_time",
)  # fmt: skip
_TURNS = (
    "audio_segments", "Transcript",
    "messages", "turns", "dialogue", "dialog", "conversation", "utterances", "transcript", "segments", "chat",
    "monologues", "MessageList", "items", "entries", "results", "data", "posts", "comments", "events", "list",
    "rows", "sentences", "conversations",
)  # fmt: skip
_SYSTEM = frozenset(
    [
        "uj",
        "ul",
        "au",
        "ru",
        "system",
        "service",
        "join",
        "leave",
        "system_join_channel",
        "system_leave_channel",
        "threadactivity/addmember",
        "threadactivity/topicupdate",
    ]
)
_MARKUP = re.compile(r"</?(?:b|i|u|s|a|at|em|strong|quote|legacyquote|ss|e_m|p|br|span|div)\b[^<>]*>", re.IGNORECASE)
_TITLE = ("title", "name", "displayName", "display_name", "topic", "subject", "id", "date")
_SAMPLE = 100
_DEEPEST = 4
"""The maximum depth of objects and lists above a list of messages."""
_KIND_KEYS = ("type", "t", "messagetype", "kind", "subtype", "event")


def read_generic(value: Json) -> Reading | None:
    """Read the first list whose rows have a text, or an object with the whole conversation as one text.

    Raises InputUnreadable if several rows or keys each hold a list of messages.
    """
    if (reading := _read_text(value)) is not None:
        return reading
    value = _thread(value) or _the_only_one(value)
    lists = _lists(value)
    for rows in lists:
        if (reading := read_rows(rows)) is not None:
            names_nobody = all(turn.speaker == NARRATOR for turn in reading.turns)
            return (read_guessed(rows) if names_nobody else None) or reading
    for rows in lists:
        if len(rows) > 1 and (reading := read_guessed(rows)) is not None:
            return reading
    return None


def read_rows(rows: Sequence[Row]) -> Reading | None:
    """Read turns from rows, sorted by time if each has one. Returns None if no row has a text."""
    unwrapped = [row for one in rows for row in _unwrapped(one)]
    if not any(_first(row, _TEXT) is not None for row in unwrapped):
        return None
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in unwrapped:
        said = _MARKUP.sub("", clean_text(_said(row)))
        if row.get("system") is True or any(text_of(row.get(key)).lower() in _SYSTEM for key in _KIND_KEYS):
            left_out[NOTICES] += 1
        elif not said.strip():
            left_out[MEDIA] += 1
        elif (kind := kind_of(said)) and kind != "media":
            left_out[kind] += 1
        else:
            time = _first(row, _TIME)
            speaker = clean_text(_speaker(row)) or NARRATOR
            messages.append(Message(speaker=speaker, text=said, time=clean_text(text_of(time)), order=seconds_of(time)))
    return reading_of(messages, left_out, "JSON")


def keys_of(value: Json) -> list[str]:
    """Return the keys on the first two levels of a JSON value, for an error message."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, Mapping):
        return []
    inner = next(
        (one[0] for one in first.values() if isinstance(one, list) and one and isinstance(one[0], Mapping)), {}
    )
    return [*map(str, first), *map(str, inner)][:12]


def _unwrapped(row: Row) -> list[Row]:
    """Return a Mattermost line's post with its replies; a Rev.ai monologue or a Skype message is returned as it is."""
    for key in ("post", "direct_post", "message", "UserMessage", "PrivateUserMessage"):
        inner = row.get(key)
        if (
            isinstance(inner, Mapping)
            and _first(inner, _TEXT) is not None
            and (row.get("type") == key or _first(row, _SPEAKER) is None)
        ):
            return [inner, *rows_in(inner, "replies")]
    return (
        [] if row.get("type") in ("version", "channel", "user", "team", "scheme", "emoji") and len(row) <= 2 else [row]
    )


def _said(row: Row) -> str:
    value = _first(row, _TEXT)
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        parts = [text_of(part.get("value", part.get("word", part.get("text", "")))) for part in value]
        return "".join(parts) if any(part.startswith(" ") or part in ".,?!" for part in parts) else " ".join(parts)
    return text_of(value)


def _speaker(row: Row) -> str:
    value = _first(row, _SPEAKER)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"Speaker {value}"
    return text_of(value)


def _lists(value: Json, depth: int = 5) -> list[list[Row]]:
    """Return the lists of objects in a value, those under telling keys first."""
    if isinstance(value, list):
        rows = [row for row in value if isinstance(row, Mapping)]
        found = [rows] if rows else []
        if depth and len(rows) == 1:
            found += _lists(rows[0], depth - 1)
        elif depth:
            inner = [one for row in rows for one in _lists(row, 0 if depth == 1 else 1)]
            found += inner[:1]
        return found
    if not isinstance(value, Mapping) or not depth:
        return []
    rows = [row for row in value.values() if isinstance(row, Mapping)]
    if len(rows) > 1 and len(rows) == len(value) and all(_first(row, _TEXT) is not None for row in rows):
        return [rows]
    named = [value[key] for key in _TURNS if isinstance(value.get(key), list | Mapping)]
    other = [one for key, one in value.items() if key not in _TURNS and isinstance(one, list | Mapping)]
    found = [rows for one in [*named, *other] for rows in _lists(one, depth - 1)]
    return found or [[value]]


def _thread(value: Json) -> list[Row]:
    """Return a post and the comments on it, such as an issue; empty for anything else."""
    if not isinstance(value, Mapping) or _first(value, _SPEAKER) is None or not isinstance(_first(value, _TEXT), str):
        return []
    below = rows_in(value, "comments", "replies", "answers")
    return [value, *below] if _is_conversation(below) else []


def _the_only_one(value: Json) -> Json:
    """Return the list of messages in a value, or the value itself if there is none. Raises InputUnreadable with their
    keys or titles if there are several.
    """
    inner = value
    for _ in range(_DEEPEST):
        if isinstance(inner, list):
            rows = rows_in(inner)
            if _is_conversation(rows):
                return rows
            members = [(text_of(_first(row, _TITLE)), row) for row in rows]
        else:
            known = next((inner[key] for key in _TURNS if isinstance(inner.get(key), list | Mapping)), None)
            members = [("", known)] if known is not None else [(str(key), one) for key, one in inner.items()]
        holding = [(name, one) for name, one in members if _holds_conversation(one)]
        only_one([name for name, _ in holding])
        if not holding:
            return value
        inner = holding[0][1]
    return value


def _holds_conversation(value: Json, depth: int = _DEEPEST) -> bool:
    if isinstance(value, list):
        rows = rows_in(value)
        return _is_conversation(rows) or (depth > 0 and any(_holds_conversation(row, depth - 1) for row in rows))
    return (
        isinstance(value, Mapping) and depth > 0 and any(_holds_conversation(one, depth - 1) for one in value.values())
    )


def _is_conversation(rows: Sequence[Row]) -> bool:
    """Whether the rows have texts with senders."""
    reading = read_rows(rows[:_SAMPLE]) if rows else None
    return reading is not None and any(turn.speaker != NARRATOR for turn in reading.turns)


def _read_text(value: Json) -> Reading | None:
    """Read an object such as {"id": 7, "dialogue": "Ana: hello\\nBen: hi"}."""
    texts = (value[key] for key in _TURNS if isinstance(value.get(key), str)) if isinstance(value, Mapping) else ()
    text = clean_text(next(iter(texts), ""))
    return (read_tags(text) or read_names(text) or read_transcript(text)) if text else None


def _first(row: Row, names: Sequence[str]) -> Json:
    return next((row[name] for name in names if row.get(name) is not None), None)
