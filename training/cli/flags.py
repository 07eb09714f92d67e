"""Turns a configuration struct into command-line flags and back. Types, defaults and help come from the struct.

A value comes from the first of: a flag, the `--config` file, the resumed run, the default. Nested structs are
flattened: each of their fields is a flag.
"""

import ast
import difflib
import inspect
import textwrap
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from cyclopts import Group, Parameter
from msgspec.structs import fields

from assistant.errors import UsageError

Config = TypeVar("Config", bound=msgspec.Struct)


class Leaf(NamedTuple):
    """A field of a struct or of a nested struct. `path` are the names of the fields that lead to it."""

    path: tuple[str, ...]
    kind: Any
    default: Any
    help: str

    @property
    def name(self) -> str:
        """The name of the field and of its flag."""
        return self.path[-1]


def leaves(struct: type[msgspec.Struct], above: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield all fields, including nested ones, in source order."""
    hints, help_texts = get_type_hints(struct), attribute_docs(struct)
    for field in fields(struct):
        kind = hints[field.name]
        path = (*above, field.name)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from leaves(kind, path)
        else:
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            yield Leaf(path, kind, default, help_texts.get(field.name, ""))


def attribute_docs(struct: type) -> dict[str, str]:
    """Return the docstrings of the attributes of a class and its bases, as one line each. Python does not keep them, so
    they are read from the source.
    """
    found: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if part.__module__ != "builtins" and issubclass(part, msgspec.Struct) and part is not msgspec.Struct:
            found |= _docs_in(part)
    return found


def _docs_in(struct: type) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    except OSError:  # No source, as in a frozen application: flags without help still work.
        return {}
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[statement.target.id] = " ".join(text.split())
    return found


def parameters(
    struct: type[msgspec.Struct], common: Collection[str], groups: tuple[Group, Group], *, show_all: bool
) -> list[inspect.Parameter]:
    """Return a keyword parameter for each leaf, for cyclopts: first the `common` ones, in the first group, then the
    others, in the second group and hidden from `--help` unless `show_all`.
    """
    found = {leaf.name: leaf for leaf in leaves(struct)}
    names = [*common, *(name for name in found if name not in common)]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=found[name].default,
            annotation=Annotated[
                found[name].kind,
                Parameter(
                    help=found[name].help,
                    group=groups[0] if name in common else groups[1],
                    show=name in common or show_all,
                ),
            ],
        )
        for name in names
    ]


def build(struct: type[Config], layers: Iterable[Mapping[str, Any]], start: Config | None = None) -> Config:
    """Build the struct. Each leaf comes from the last layer that has it, else from `start`, else from its default.

    Raises UsageError that names the key if a value is invalid.
    """
    tree: dict[str, Any] = msgspec.to_builtins(start) if start is not None else {}
    paths = {leaf.name: leaf.path for leaf in leaves(struct)}
    for layer in layers:
        for name, value in layer.items():
            place = tree
            for step in paths[name][:-1]:
                place = place.setdefault(step, {})
            place[name] = value
    try:
        return msgspec.convert(tree, struct)
    except msgspec.ValidationError as error:
        problem, _, place_name = str(error).partition(" - at `$.")
        key = place_name.rstrip("`").rpartition(".")[2]
        problem += _choices(next((leaf.kind for leaf in leaves(struct) if leaf.name == key), None))
        raise UsageError(f"{key}: {problem[:1].lower()}{problem[1:]}" if key else problem) from error


def _choices(kind: Any) -> str:
    """Return the allowed names, if the kind is a Literal, as the end of a message."""
    return f"; there are {', '.join(map(str, get_args(kind)))}" if get_origin(kind) is Literal else ""


def read_config_file(path: Path, known: Iterable[str]) -> dict[str, Any]:
    """Read the values of a TOML file. Tables are flattened, and dashes in names become underscores.

    Raises UsageError if the file cannot be read or has an unknown key.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read the configuration in {path}: {error}") from error
    known = list(known)
    values = dict(_flattened(tree))
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise UsageError(f"{path}: unknown key {key!r}{hint}")
    return values


def _flattened(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flattened(value)
        else:
            yield name.replace("-", "_"), value
