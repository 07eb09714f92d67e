"""The user's own phrasings and solved examples: TOML files in the folder `prompts` next to the settings. They are added
to TASKS and the bundled shots; every error names the file.
"""

import tomllib
from pathlib import Path

import msgspec

from assistant.errors import UsageError
from assistant.locations import config_dir
from assistant.prompts.modes import TASKS, Phrasing, Shot, TaskTemplates, bundled_shots, bundled_tasks
from assistant.records import Record, Task


class OwnPhrasing(Record, frozen=True):
    """A phrasing of a task; `{dialogue}` stands for the conversation, `{request}` for a question or instruction."""

    task: Task
    name: str
    text: str


class OwnFile(Record, frozen=True):
    """The content of a file: `[[phrasings]]` and `[[shots]]`."""

    phrasings: tuple[OwnPhrasing, ...] = ()
    shots: tuple[Shot, ...] = ()


_shots: list[Shot] = []


def own_folder() -> Path:
    """Return the folder of the user's files."""
    return config_dir() / "prompts"


def join_own(folder: Path | None = None) -> None:
    """Read every `*.toml` of the folder, by name, and add it to what is bundled, replacing what was added before.

    Raises UsageError, with the file's name, if a file is unreadable or has unknown keys, or if a phrasing has no place
    for the conversation or its name is taken. Then only what is bundled is used.
    """
    tasks = bundled_tasks()
    shots: list[Shot] = []
    _replace(tasks, [])
    for path in sorted((folder or own_folder()).glob("*.toml")):
        file = _read(path)
        for phrasing in file.phrasings:
            known = tasks[phrasing.task]
            _check(phrasing, path, known.takes_request, {other.name for other in known.phrasings})
            added = (*known.phrasings, Phrasing(name=phrasing.name, text=phrasing.text))
            tasks[phrasing.task] = msgspec.structs.replace(known, phrasings=added)
        for shot in file.shots:
            if shot.name in {other.name for other in (*bundled_shots(), *shots)}:
                raise UsageError(f"{path}: there is already a shot named {shot.name!r}; choose another name")
            shots.append(shot)
    _replace(tasks, shots)


def load_shots() -> tuple[Shot, ...]:
    """Return the user's solved examples, then the bundled ones."""
    return (*_shots, *bundled_shots())


def _replace(tasks: dict[Task, TaskTemplates], shots: list[Shot]) -> None:
    TASKS.update(tasks)
    _shots[:] = shots


def _read(path: Path) -> OwnFile:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), OwnFile)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _check(phrasing: OwnPhrasing, path: Path, takes_request: bool, names: set[str]) -> None:
    problems = [
        (phrasing.text.count("{dialogue}") != 1, "its text needs {dialogue} once, where the conversation goes"),
        (takes_request and phrasing.text.count("{request}") != 1, f"{phrasing.task} needs {{request}} once"),
        (not takes_request and "{request}" in phrasing.text, f"{phrasing.task} takes no {{request}}"),
        (phrasing.name in names, "that name is taken; give it another"),
    ]
    for is_wrong, sentence in problems:
        if is_wrong:
            raise UsageError(f"{path}: phrasing {phrasing.name!r}: {sentence}")
