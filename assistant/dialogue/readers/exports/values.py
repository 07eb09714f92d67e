"""Reads values from JSON whose shape is only roughly known."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Json = Any
Row = Mapping[str, Any]


def text_of(value: Json, depth: int = 4) -> str:
    """Return the text in a value: a string or number, an object's text or name, or a list's parts joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping) and depth:
        keys = (
            "text",
            "value",
            "content",
            "body",
            "name",
            "display_name",
            "displayName",
            "real_name",
            "first_name",
            "parts",
            "message",
            "role",
            "login",
            "user",
        )
        return text_of(next((value[key] for key in keys if value.get(key) is not None), ""), depth - 1)
    if isinstance(value, list) and depth:
        return "".join(text_of(part, depth - 1) for part in value)
    return ""


def repaired(text: str) -> str:
    """Repair mojibake: Meta's exports hold UTF-8 decoded as Latin-1."""
    import ftfy  # takes 100 ms to import

    return ftfy.fix_text(
        text, normalization=None, uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False
    )


def seconds_of(value: Json) -> float | None:
    """Return a time in seconds from a number (milliseconds are scaled), digits or ISO 8601; None for anything else."""
    if isinstance(value, Mapping):
        value = value.get("$date", value.get("seconds"))
    if isinstance(value, Mapping):
        value = value.get("$numberLong")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    except ValueError:
        return _iso(str(value))
    if not math.isfinite(number):
        return None
    while number > 1e11:
        number /= 1000
    return number


def row_of(value: Json) -> Row:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows_in(value: Json, *keys: str) -> list[Row]:
    """Return the objects in the list under the first of the keys that holds a list."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in keys if isinstance(value.get(key), list)), [])
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _iso(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text.strip().removesuffix(" UTC")).timestamp()
    except (ValueError, OverflowError):  # the year 1 is out of range for timestamps
        return None
