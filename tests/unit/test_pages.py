"""The pages that people write: their links lead somewhere, and the commands that they show can be typed."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from assistant.cli import build_app as build_assistant
from training.cli import build_app as build_trainer

_ROOT = Path(__file__).parents[2]
_MADE = ("reference.md", "licences.md")
"""Pages made from the code; tests/unit/test_documents.py checks those."""
_PAGES = sorted([*(_ROOT / "docs").glob("*.md"), *_ROOT.glob("*.md")])
_WRITTEN = [page for page in _PAGES if page.name not in _MADE]


def _name(path: Path) -> str:
    return str(path.relative_to(_ROOT))


def _split(page: Path) -> tuple[list[str], list[str]]:
    """The page's lines of prose, and its lines of code: those in fences, and those indented after an empty line."""
    prose: list[str] = []
    code: list[str] = []
    is_fenced = is_indented = False
    before = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
            continue
        is_indented = line.startswith("    ") and (is_indented or not before)
        (code if is_fenced or is_indented else prose).append(line)
        before = line
    return prose, code


def _anchors(page: Path) -> set[str]:
    """The names that a link may give after "#": GitHub's for each heading, and those set by hand."""
    titles = [line.lstrip("#").strip() for line in _split(page)[0] if re.match("#+ ", line)]
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()) for title in titles]
    by_hand = re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text(encoding="utf-8"))
    return {title.replace(" ", "-") for title in plain} | set(by_hand)


def _dead_links(page: Path) -> list[str]:
    """Links to files that are not there, or to headings that their page lacks."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        is_alive = target.exists() and (not anchor or anchor in _anchors(target))
        if "://" not in link and not is_alive:
            found.append(link)
    return found


def _commands(page: Path) -> Iterator[list[str]]:
    """The words of each command of ours in the page's code, without its comment; "…" stands for what is left out."""
    text = "\n".join(_split(page)[1]).replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.split(line.strip().removeprefix("$ "), comments=True) if _is_ours(line) else []
        if words and "…" not in words:
            yield words


def _is_ours(line: str) -> bool:
    return re.match(r"\s*(\$ )?(assistant|assistant-train)( |$)", line) is not None


def _parse(words: list[str]) -> None:
    """Read the command line as the program would; raises cyclopts' errors."""
    app: App = build_assistant(listing=False) if words[0] == "assistant" else build_trainer(words[1:2])
    # A bare --resume stands for the newest run, which the program puts in before it reads the line.
    app.parse_args(
        ["--resume=newest" if word == "--resume" else word for word in words[1:]],
        print_error=False,
        exit_on_error=False,
    )


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    assert _dead_links(page) == []


@pytest.mark.parametrize("page", _WRITTEN, ids=_name)
def test_every_command_that_a_page_shows_can_be_typed(page: Path) -> None:
    for words in _commands(page):
        try:
            _parse(words)
        except Exception as error:  # noqa: BLE001 - whatever the parser says, the page is wrong
            pytest.fail(f"{shlex.join(words)}: {error}")


def test_the_pages_show_commands() -> None:
    assert sum(1 for page in _WRITTEN for _ in _commands(page)) > 60


@pytest.mark.parametrize("page", _WRITTEN, ids=_name)
def test_every_benchmark_that_a_page_names_is_there_with_its_options(page: Path) -> None:
    text = re.sub(r"\\?\n\s*", " ", page.read_text(encoding="utf-8"))
    for script, module, options in re.findall(r"(?:(tests/[\w/]+\.py)|-m (tests[\w.]+))([^`|\n]*)", text):
        file = _ROOT / (script or f"{module.replace('.', '/')}.py")
        if module and not file.exists():
            file = _ROOT / module.replace(".", "/") / "__main__.py"
        assert file.exists(), file
        if script.startswith("tests/benchmarks") or module:
            known = file.read_text(encoding="utf-8")
            flags = re.match(r"(?: [^ .,;()]+)*", options)
            assert flags is not None
            for flag in re.findall(r" (--[a-z][\w-]*)", flags[0].partition(" -- ")[0]):
                assert f'"{flag}"' in known, f"{file.name} {flag}"


@pytest.mark.parametrize("page", _WRITTEN, ids=_name)
def test_prose_wraps_at_100_columns(page: Path) -> None:
    assert [line for line in _split(page)[0] if len(line) > 100 and not line.startswith("|")] == []


def test_the_first_page_stays_short() -> None:
    assert len((_ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_mistakes_in_a_page_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[a](#a-page) [b](#b) [c](c.md)\n\n```\n$ assistant ask --nonsense q  # why\n```\n")
    assert _dead_links(page) == ["#b", "c.md"]
    assert list(_commands(page)) == [["assistant", "ask", "--nonsense", "q"]]
    with pytest.raises(Exception, match="--nonsense"):
        _parse(["assistant", "ask", "--nonsense", "q"])


def test_the_recording_is_an_asciicast_of_a_session_that_went_well() -> None:
    """Format: https://docs.asciinema.org/manual/asciicast/v2/."""
    path = _ROOT / "docs" / "newcomer.cast"
    head, *events = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 100, 30)
    times = [time for time, _, _ in events]
    assert times == sorted(times) and 30 < times[-1] < 120 and {kind for _, kind, _ in events} == {"o"}
    shown = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", "".join(text for _, _, text in events))
    assert "\x1b" not in shown and path.stat().st_size < 300_000
    assert [words for words in ("Message 10 of 35", "quoted from your documents", "▲ good") if words not in shown] == []
    assert re.search(r"Traceback|Error|/work|/home|/root|this should not happen", shown) is None


@pytest.mark.parametrize("page", _WRITTEN, ids=_name)
def test_files_and_names_of_the_code_are_there(page: Path) -> None:
    """`assistant/overview.py`, `overviews` names a file and what it defines; a folder may stand alone."""
    text = " ".join(_split(page)[0])
    path = r"`((?:assistant|knowledge|training|tests|docs)/[\w./]*)`"
    for place, name in re.findall(path + r"(?:, `([\w.]+)(?:\[[^`]*)?`)?", text):
        assert (_ROOT / place).exists(), place
        if name and place.endswith(".py"):
            last, code = name.rpartition(".")[2], (_ROOT / place).read_text(encoding="utf-8")
            assert re.search(rf"^\s*(?:async )?(?:def|class) {last}\b|^{last}\b", code, re.MULTILINE), name
