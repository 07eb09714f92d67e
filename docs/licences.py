"""Writes docs/licences.md: every package that an installation brings, with version and licence as it states them.

python docs/licences.py        write
python docs/licences.py --check    exit 1 where the page names other packages or licences than this environment has
"""

import argparse
import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

PAGE = Path(__file__).with_name("licences.md")
_HEAD = """# Licences of what Parley stands on

Made by `python docs/licences.py` from the metadata of the packages themselves. Parley's own code is under Apache-2.0;
its bundled weights have cards of their own. "chat" is what a plain installation brings, "train" what the extra adds.

| package | version | licence | for |
|---|---|---|---|
"""
_STRONG = re.compile(r"\bA?GPL|GNU (?:Affero )?General Public", re.IGNORECASE)


def closure(extra: str) -> dict[str, Distribution]:
    """Every installed package that parley-assistant needs with that extra ("" for none), by normal name."""
    found: dict[str, Distribution] = {}
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [_name(line) for line in (project["optional-dependencies"][extra] if extra else project["dependencies"])]
    while waiting:
        name = waiting.pop()
        if name in found or name == "parley-assistant":
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        waiting += [_name(line) for line in found[name].requires or () if "extra" not in line.partition(";")[2]]
    return found


def licence_of(package: Distribution) -> str:
    """The licence that the package names: the SPDX expression, else the classifiers, else the first line of text."""
    facts = package.metadata
    if facts.get("License-Expression"):
        return str(facts["License-Expression"])
    classified = [line.split(" :: ")[-1] for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    if classified and classified != ["OSI Approved"]:
        return ", ".join(classified)
    return " ".join((facts.get("License") or "not stated").strip().splitlines()[0].split())[:60]


def page() -> str:
    """The page's text."""
    chat, train = closure(""), closure("train")
    rows = []
    for name in sorted(chat | train):
        package = (chat | train)[name]
        rows.append(f"| {name} | {package.version} | {licence_of(package)} | {'chat' if name in chat else 'train'} |\n")
    return _HEAD + "".join(rows)


def copyleft() -> list[str]:
    """Packages under a licence that would bind Parley's own code."""
    packages = closure("") | closure("train")
    return [name for name, package in packages.items() if _STRONG.search(licence_of(package))]


def _name(line: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", match.group(0)).lower() if match else ""


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return 0 if _names(PAGE.read_text(encoding="utf-8")) == _names(page()) and not copyleft() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def _names(text: str) -> list[str]:
    """The packages and licences of a page; versions follow constraints.txt."""
    return [re.sub(r"\| [^|]+ \|", "|", line, count=1) for line in text.splitlines() if line.startswith("| ")]


if __name__ == "__main__":
    sys.exit(main())
