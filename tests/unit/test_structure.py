"""The shape of the code: which modules import which."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("assistant", "knowledge", "training")
_MODULES = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in _PACKAGES
    for path in sorted((_ROOT / package).rglob("*.py"))
}


def _imports(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports anywhere, also in functions and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in _MODULES else node.module for name in inside]
        yield from (name for name in names if name in _MODULES)


def circles(imports: dict[str, set[str]]) -> list[str]:
    """The modules that import themselves through others."""

    def reachable(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            new = imports.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        return found

    return sorted(module for module in imports if module in reachable(module))


def test_a_circle_is_seen_through_other_modules() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == ["a", "b", "c"]


def test_no_module_imports_itself_through_others() -> None:
    assert circles({name: set(_imports(path)) - {name} for name, path in _MODULES.items()}) == []


def _bases(path: Path) -> Iterator[tuple[str, str]]:
    """The classes of a file, each with the name of a base, as written."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, ast.unparse(base)) for base in node.bases)


def test_no_class_is_made_of_several_classes_of_ours() -> None:
    """A class that inherits from two of ours is spread over files: it should have them as attributes instead."""
    ours = {name for path in _MODULES.values() for name, _ in _bases(path)}
    several: dict[str, set[str]] = {}
    for path in _MODULES.values():
        for name, base in _bases(path):
            if base in ours:
                several.setdefault(f"{path.relative_to(_ROOT)}: {name}", set()).add(base)
    assert [name for name, bases in several.items() if len(bases) > 1] == []
