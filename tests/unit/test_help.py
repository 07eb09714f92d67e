"""Every command says what it does, and every option what it is for."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from cyclopts import App

from assistant.cli import build_app as build_assistant
from assistant.cli import main
from training.cli import STAGES
from training.cli import build_app as build_trainer


def commands_of(app: App, path: str = "") -> Iterator[tuple[str, App]]:
    """The app and all commands below it, each with the words that call it."""
    yield path, app
    for name in app:
        if not name.startswith("-"):
            yield from commands_of(app[name], f"{path} {name}".strip())


def unexplained(app: App) -> list[str]:
    """What has no help text: commands by their words, options after them."""
    found = []
    for path, command in commands_of(app):
        found += [] if command.help else [path]
        if command.default_command is not None:
            arguments = command.assemble_argument_collection(parse_docstring=True)
            found += [f"{path} {one.name}" for one in arguments if one.show and not one.parameter.help]
    return found


def overviews() -> list[list[str]]:
    """The words of all groups of commands."""
    return [path.split() for path, command in commands_of(build_assistant(listing=False)) if list(command.subapps)]


def listed(paths: list[list[str]]) -> list[tuple[str, str]]:
    """The commands that `assistant PATH --help` lists for all paths, each with its line.

    In a new process: one that has asked for the commands has also imported them.
    """
    script = f"""
from assistant.cli import main
for path in {paths}:
    try:
        main([*path, "--help"])
    except SystemExit:
        pass
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return re.findall(r"^│ ([a-z-]+) (.*?) *│$", ran.stdout, re.MULTILINE)


def test_every_command_and_option_of_the_assistant_is_explained() -> None:
    assert len(list(commands_of(build_assistant(listing=False)))) > 40
    assert unexplained(build_assistant(listing=False)) == []


@pytest.mark.parametrize("stage", [*STAGES, "runs"])
def test_every_stage_and_option_of_the_trainer_is_explained(stage: str) -> None:
    assert unexplained(build_trainer([stage], show_all=True)[stage]) == []


def test_every_overview_has_a_line_for_each_command() -> None:
    rows = listed(overviews())
    assert len(rows) > 50
    assert [name for name, about in rows if not about] == []


def needing() -> list[str]:
    """The words of every command that can't go without something."""
    return [
        path
        for path, command in commands_of(build_assistant(listing=False))
        if command.default_command and any(one.required for one in command.assemble_argument_collection())
    ]


def refusal(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What `assistant` says of a command line that it refuses."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_what_is_missing_is_called_as_in_the_usage_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "backup" in needing() and len(needing()) > 15
    for path in needing():
        with pytest.raises(SystemExit):
            main([*path.split(), "--help"])
        usage = capsys.readouterr().out.split("\n\n")[0].split()
        said = re.fullmatch(
            rf"assistant: {path} needs ([A-Z-]+)\. See assistant {path} --help\.\n", refusal(path.split(), capsys)
        )
        assert said and said[1] in usage, path
    named = "assistant: models export needs --out. See assistant models export --help.\n"
    assert refusal(["models", "export", "pocket"], capsys) == named
    told = "assistant: summarize --drafts needs a value. See assistant summarize --help.\n"
    assert refusal(["summarize", "--drafts"], capsys) == told


def test_what_is_not_explained_is_found() -> None:
    app = App(name="mute")

    @app.default
    def mute(*, loud: bool = False) -> None:
        pass

    assert unexplained(app) == ["", " --loud"]
