"""The meaning of each setting, read from the attribute docstrings of the settings tree."""

import ast
import inspect
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from assistant.settings import Settings


@cache
def explanations() -> dict[str, str]:
    """The docstring of each setting, by dotted key."""
    return _explain(Settings, "")


@cache
def allowed_values() -> dict[str, tuple[Any, ...]]:
    """The allowed values of each setting that lists them, by dotted key."""
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
    """The string literal after each field, by field name."""
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
