"""Reads Slack: one day's file of an export, a channel's history from the API, or an exported channel with users."""

import html
import re
from collections import Counter
from collections.abc import Mapping

from assistant.dialogue.readers.exports.values import Json, Row, row_of, rows_in, seconds_of, text_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, reading_of
from assistant.dialogue.turns import Reading

_MENTION = re.compile(r"<@(\w+)(?:\|([^>]*))?>")
_CHANNEL = re.compile(r"<#\w+\|([^>]*)>")
_SPECIAL = re.compile(r"<!(\w+)(?:\^[^|>]*)?(?:\|([^>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto|tel):[^|>]*)(?:\|([^>]*))?>")
_SPEECH = frozenset(
    ("", "bot_message", "me_message", "thread_broadcast", "file_share", "file_comment", "reply_broadcast")
)


def read_slack(value: Json, users: Mapping[str, str] | None = None) -> Reading | None:
    """Read the messages by time. `users` maps ids to names if users.json is available."""
    rows = rows_in(value, "messages") if isinstance(value, dict) else rows_in(value)
    if not rows or not all("ts" in row and row.get("type", "message") == "message" for row in rows):
        return None
    names = dict(users or {})
    for row in rows:
        if isinstance(row.get("user"), str) and (name := _profile_name(row)):
            names.setdefault(row["user"], name)
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        said = plain_text(text_of(row.get("text")) or _attached(row), names)
        if text_of(row.get("subtype")) not in _SPEECH:
            left_out[NOTICES] += 1
        elif said.strip():
            messages.append(
                Message(speaker=_speaker(row, names), text=said, time=text_of(row["ts"]), order=seconds_of(row["ts"]))
            )
        else:
            left_out[MEDIA] += 1
    return reading_of(messages, left_out, "Slack")


def user_names(value: Json) -> dict[str, str]:
    """Return names by id from an export's users.json."""
    return {
        text_of(row.get("id")): _profile_name({"user_profile": row.get("profile") or row, **row})
        or text_of(row.get("name"))
        for row in rows_in(value)
    }


def plain_text(text: str, names: Mapping[str, str]) -> str:
    """Render Slack's markup as readers see it: @names, link texts, entities as characters."""
    text = _MENTION.sub(lambda match: f"@{names.get(match[1]) or match[2] or match[1]}", text)
    text = _CHANNEL.sub(r"#\1", text)
    text = _SPECIAL.sub(lambda match: match[2] or f"@{match[1]}", text)
    text = _LINK.sub(lambda match: match[2] or match[1], text)
    return html.unescape(text)


def _profile_name(row: Row) -> str:
    profile = row_of(row.get("user_profile")) or row_of(row.get("profile"))
    keys = ("real_name", "display_name", "name", "first_name")
    return next((text_of(profile[key]) for key in keys if profile.get(key)), "")


def _speaker(row: Row, names: Mapping[str, str]) -> str:
    user = text_of(row.get("user"))
    return (
        names.get(user)
        or text_of(row.get("username"))
        or text_of(row_of(row.get("bot_profile")).get("name"))
        or user
        or "Slack"
    )


def _attached(row: Row) -> str:
    found = [text_of(one.get("text")) or text_of(one.get("fallback")) for one in rows_in(row, "attachments")]
    return "\n".join(text for text in found if text)
