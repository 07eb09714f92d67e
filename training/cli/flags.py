"""Turns a configuration struct into command-line flags and back: types, defaults and help come from the struct alone.

A value comes from the first of: a flag, the `--config` file, the run that is resumed, the default. Nested structs are
flattened: each of their fields is a flag of its own.
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
    """One field of a struct or of the structs in it; `path` leads to it."""

    path: tuple[str, ...]
    kind: Any
    default: Any
    help: str

    @property
    def name(self) -> str:
        """The field's own name, which is the flag's."""
        return self.path[-1]


def leaves(struct: type[msgspec.Struct], above: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every field, nested ones too, in the order of the source."""
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
    """The strings that stand under a class's attributes and its bases', as one line each. Python drops them, so the
    source is read.
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
    """A keyword parameter for each leaf, as cyclopts reads them: the `common` ones in the first group, in their order,
    the others in the second, hidden from `--help` unless `show_all`.
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
    """The struct with each leaf from the last layer that names it, else from `start`, else its default.

    Raises UsageError that names the key where a value has the wrong type.
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
    """What may be written instead, where that is a list of names."""
    return f"; there are {', '.join(map(str, get_args(kind)))}" if get_origin(kind) is Literal else ""


def read_config_file(path: Path, known: Iterable[str]) -> dict[str, Any]:
    """The values of a TOML file; tables are flattened, and dashes in names count as underscores.

    Raises UsageError where the file cannot be read or holds a key that no flag has.
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
