"""The prompting modes, the tasks, and the solved examples ("shots")."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from assistant.records import Record, Task


class PromptMode(Record, frozen=True):
    """A prompting mode: the number of shots before the dialogue, and whether the model is told to reason first."""

    name: str
    label: str
    shots: int
    reasoning: bool
    description: str


class Phrasing(Record, frozen=True):
    """A wording of an instruction; `{dialogue}` stands for the conversation."""

    name: str
    text: str


class TaskTemplates(Record, frozen=True):
    """A task about a conversation. The first phrasing is the default. If phrasings contain `{request}`, the task takes
    the user's question or instruction.
    """

    label: str
    noun: str
    phrasings: tuple[Phrasing, ...]

    @property
    def takes_request(self) -> bool:
        """Whether the task needs a question or an instruction."""
        return any("{request}" in phrasing.text for phrasing in self.phrasings)

    def phrasing(self, name: str | None) -> Phrasing:
        """Return the phrasing of that name, or the default for None. Raises KeyError for an unknown name."""
        if name is None:
            return self.phrasings[0]
        return {phrasing.name: phrasing for phrasing in self.phrasings}[name]


class Shot(Record, frozen=True):
    """A solved example: a short dialogue with a rationale, an answer for each task, and the request of each task that
    takes one.
    """

    name: str
    dialogue: str
    rationale: str
    answers: dict[Task, str]
    requests: dict[Task, str] = {}


MODES: dict[str, PromptMode] = {
    mode.name: mode
    for mode in (
        PromptMode(
            name="zero-shot",
            label="Zero-shot",
            shots=0,
            reasoning=False,
            description="the instruction and the conversation",
        ),
        PromptMode(
            name="one-shot",
            label="One-shot",
            shots=1,
            reasoning=False,
            description="one solved example before the conversation",
        ),
        PromptMode(
            name="few-shot",
            label="Few-shot",
            shots=3,
            reasoning=False,
            description="as many solved examples as fit, up to three",
        ),
        PromptMode(
            name="chain-of-thought",
            label="Chain of thought",
            shots=0,
            reasoning=True,
            description="the model reasons first, then answers",
        ),
    )
}


@cache
def _templates() -> dict[str, Any]:
    return tomllib.loads(files("assistant.prompts").joinpath("templates.toml").read_text(encoding="utf-8"))


def bundled_tasks() -> dict[Task, TaskTemplates]:
    """Return the bundled tasks."""
    tables = {name: table for name, table in _templates().items() if "phrasings" in table}
    return msgspec.convert(tables, dict[Task, TaskTemplates])


def reasoning_text() -> str:
    """Return the instruction of a chain-of-thought prompt; `{instruction}` and `{noun}` depend on the task."""
    return str(_templates()["reasoning"]["text"])


def reasoning_marker() -> str:
    """Return the marker between rationale and answer; `{noun}` depends on the task."""
    return str(_templates()["reasoning"]["marker"])


@cache
def bundled_shots() -> tuple[Shot, ...]:
    """Return the bundled examples, in order of preference."""
    table = tomllib.loads(files("assistant.prompts").joinpath("examples.toml").read_text(encoding="utf-8"))
    return msgspec.convert(table["shots"], tuple[Shot, ...])


TASKS: dict[Task, TaskTemplates] = bundled_tasks()
"""The tasks; the user's phrasings are added (`assistant.prompts.own`)."""
