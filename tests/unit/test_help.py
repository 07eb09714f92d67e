"""Every command says what it does, and every option what it is for."""

from collections.abc import Iterator

import pytest
from cyclopts import App

from assistant.cli import build_app as build_assistant
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


def test_every_command_and_option_of_the_assistant_is_explained() -> None:
    assert len(list(commands_of(build_assistant(listing=False)))) > 40
    assert unexplained(build_assistant(listing=False)) == []


@pytest.mark.parametrize("stage", [*STAGES, "runs"])
def test_every_stage_and_option_of_the_trainer_is_explained(stage: str) -> None:
    assert unexplained(build_trainer([stage], show_all=True)[stage]) == []


def test_what_is_not_explained_is_found() -> None:
    app = App(name="mute")

    @app.default
    def mute(*, loud: bool = False) -> None:
        pass

    assert unexplained(app) == ["", " --loud"]
