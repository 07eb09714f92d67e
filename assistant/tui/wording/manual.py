"""What each setting means, read from the sentences under the fields of the settings tree."""

import ast
import inspect
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from assistant.settings import Settings


@cache
def explanations() -> dict[str, str]:
    """Dotted key -> the sentence under its field."""
    return _explain(Settings, "")


@cache
def allowed_values() -> dict[str, tuple[Any, ...]]:
    """Dotted key -> the values that it may have, for the settings where those can be listed."""
    return _allow(Settings, "")


def _explain(part: type, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    sentences = _sentences(part)
    for name, kind in get_type_hints(part).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found |= _explain(kind, f"{prefix}{name}.")
        elif name in sentences:
            found[prefix + name] = sentences[name]
    return found


def _sentences(part: type) -> dict[str, str]:
    """Field name -> the string literal on the line after it."""
    (definition,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(definition, ast.ClassDef)  # a class was given
    found = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[field.target.id] = inspect.cleandoc(str(after.value.value))
    return found


def _allow(part: type, prefix: str) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for name, kind in get_type_hints(part).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found |= _allow(kind, f"{prefix}{name}.")
        elif get_origin(kind) is Literal:
            found[prefix + name] = get_args(kind)
        elif kind is bool:
            found[prefix + name] = (True, False)
    return found
