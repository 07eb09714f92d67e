"""Writes docs/reference.md from the commands' own parsers and the settings' own docstrings, so that it cannot drift.

python docs/reference.py           write
python docs/reference.py --check   exit 1 where the page is not what the code says
"""

import argparse
import ast
import inspect
import os
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

# The page must not depend on the terminal that it is made in.
os.environ["COLUMNS"] = "100"

PAGE = Path(__file__).with_name("reference.md")
_HEAD = """# Reference

Made by `python docs/reference.py` from the code; `make test` checks that it is true.

Exit codes of both commands: 0 done, 1 failed, 2 wrong call or input, 3 model or data missing, 4 gate not passed,
5 training stopped by a guard, 130 interrupted with everything saved. Errors are one line on standard error.

"""


def page() -> str:
    """The page's text."""
    return "\n".join(line.rstrip() for line in (_HEAD + _assistant() + _training() + _settings()).splitlines()) + "\n"


def _assistant() -> str:
    from assistant.cli import build_app

    return str(build_app(listing=False).generate_docs(output_format="markdown", heading_level=2)).strip() + "\n\n"


def _training() -> str:
    """Every stage has its flags read only when it is named: one tree a stage."""
    from training.cli import STAGES, build_app

    parts = ["## assistant-train\n"]
    for name, stage in STAGES.items():
        app = build_app([name], show_all=True)
        parts.append(f"### assistant-train {name}\n\n{stage.help}\n")
        parts += ["```", *(f"assistant-train {name} {example}" for example in stage.examples), "```\n"]
        text = str(app[name].generate_docs(output_format="markdown", heading_level=4, recursive=False))
        parts.append(text[text.index("**") :].strip() + "\n" if "**" in text else text)
    runs = str(build_app([])["runs"].generate_docs(output_format="markdown", heading_level=3, recursive=False))
    return "\n".join([*parts, runs.strip()]) + "\n\n"


def _settings() -> str:
    from assistant.settings import Settings

    rows = ["## Settings\n"]
    rows.append(
        "TOML in `config.toml` (`assistant paths` says where) or `assistant.toml` in the folder of the command;"
        " `ASSISTANT_SECTION_NAME` in the environment wins over both, and a flag over all.\n"
    )
    rows += ["| setting | default | what it is |", "|---|---|---|"]
    rows += [f"| `{key}` | `{default!r}` | {text} |" for key, default, text in _leaves(Settings(), "")]
    return "\n".join(rows) + "\n"


def _leaves(part: Any, prefix: str) -> list[tuple[str, Any, str]]:
    """Key, default and docstring of every setting."""
    texts = _docstrings(type(part))
    found: list[tuple[str, Any, str]] = []
    for name, kind in get_type_hints(type(part)).items():
        value = getattr(part, name)
        if isinstance(value, msgspec.Struct):
            found += _leaves(value, f"{prefix}{name}.")
        else:
            choices = ", ".join(f"`{choice}`" for choice in get_args(kind) if isinstance(choice, str))
            text = texts.get(name, "") + (f" One of {choices}." if choices else "")
            found.append((prefix + name, value, text.replace("|", "\\|").strip()))
    return found


def _docstrings(kind: type) -> dict[str, str]:
    """The string under each attribute of a class, as one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        before.target.id: " ".join(str(after.value.value).split())
        for before, after in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
