"""Writes docs/licences.md: the licence of every package that an installation brings.

python docs/licences.py            write the page
python docs/licences.py --check    exit 1 where page and lock name different packages, where an installed package states
                                   another licence than the page, or where a licence would bind Parley's own code

Versions stand in the lock (constraints.txt) alone.
"""

import argparse
import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

PAGE = Path(__file__).with_name("licences.md")
_HEAD = """# Licences of the packages that Parley uses

Made by `python docs/licences.py` from the packages' own metadata. Parley's code is under Apache-2.0; the bundled
weights have their own cards. A plain installation brings "chat"; the extras `serve` and `train` add the rest.
`constraints.txt` has the versions. A torch built for NVIDIA's processors (on PyPI, the one for Linux) also brings
`triton` (MIT) and the packages `nvidia-*` and `cuda-*`, most of them under NVIDIA's own licence.

| package | licence | for |
|---|---|---|
"""
_CUDA = re.compile(r"(?:nvidia|cuda)-|triton$")
"""What only some builds of torch bring."""
_STRONG = re.compile(r"\bA?GPL|GNU (?:Affero )?General Public", re.IGNORECASE)


def closure(extra: str) -> dict[str, Distribution]:
    """Every installed package that parley-assistant needs with that extra ("" for none), by normal name."""
    found: dict[str, Distribution] = {}
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting = [_name(line) for line in (project["optional-dependencies"][extra] if extra else project["dependencies"])]
    while waiting:
        name = waiting.pop()
        if name in found or name == "parley-assistant" or _CUDA.match(name):
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


def packages() -> dict[str, Distribution]:
    """Every installed package of a plain installation and of the extras `serve` and `train`."""
    return closure("") | closure("serve") | closure("train")


def page() -> str:
    """The page's text."""
    chat, serve = closure(""), closure("serve")
    rows = [
        f"| {name} | {licence_of(package)} | {'chat' if name in chat else 'serve' if name in serve else 'train'} |\n"
        for name, package in sorted(packages().items())
    ]
    return _HEAD + "".join(rows)


def faults() -> list[str]:
    """What is wrong with the page, a line each."""
    stated = dict(
        re.findall(r"^\| ([a-z0-9-]+) \| (.+) \| (?:chat|serve|train) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    )
    lock = (PAGE.parents[1] / "constraints.txt").read_text(encoding="utf-8")
    locked = {_name(line) for line in lock.splitlines() if "==" in line}
    installed = {name: licence_of(package) for name, package in packages().items()}
    return [
        *(f"{name} is on the page and not in the lock" for name in sorted(stated.keys() - locked)),
        *(f"{name} is installed and not on the page" for name in sorted(installed.keys() - stated.keys())),
        *(
            f"{name} states {licence!r}, the page {stated[name]!r}"
            for name, licence in installed.items()
            if stated.get(name, licence) != licence
        ),
        *(f"{name} is under a licence that would bind Parley's own code" for name in copyleft()),
    ]


def copyleft() -> list[str]:
    """Packages under a licence that would bind Parley's own code."""
    return [name for name, package in packages().items() if _STRONG.search(licence_of(package))]


def _name(line: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", match.group(0)).lower() if match else ""


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        found = faults()
        print("\n".join(found), file=sys.stderr)
        return 1 if found else 0
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
