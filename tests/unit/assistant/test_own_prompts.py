"""The user's own wordings and solved examples join the bundled ones, or an error names their file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.conversation import Ask, Assistant
from assistant.dialogue import parse
from assistant.drafting.nearest import nearest_shots
from assistant.errors import UsageError
from assistant.prompts import TASKS, conversation_in, join_own, load_shots
from assistant.prompts.modes import Shot, bundled_shots
from assistant.settings import ModelSettings, Settings

_TALK = "Maya: The review moves to Friday.\nTom: I'll book the room."
_OWN = """
[[phrasings]]
task = "summary"
name = "terse"
text = "TL;DR of this talk:\\n\\n{dialogue}\\n\\nTL;DR: "

[[shots]]
name = "mine"
dialogue = "Ann: Tea?\\nBob: Yes."
rationale = "Ann offers tea, Bob accepts."
answers = { summary = "Bob takes tea." }
"""


@pytest.fixture(autouse=True)
def bundled_again() -> Iterator[None]:
    yield
    join_own(Path("/nonexistent"))


@pytest.fixture
def folder(home: Path) -> Path:
    folder = home / "config" / "prompts"
    folder.mkdir(parents=True)
    return folder


def test_own_files_join_what_an_assistant_asks_with(folder: Path, tiny_model: Path) -> None:
    (folder / "mine.toml").write_text(_OWN)
    with Assistant(Settings(model=ModelSettings(ref=str(tiny_model)))) as assistant:
        terse = assistant.prompts(parse(_TALK), Ask(phrasing="terse"))[0]
        shown = assistant.prompts(parse("Ann: Tea?\nBob: Yes!"), Ask(mode="one-shot"))[0]

    assert terse.text == f"TL;DR of this talk:\n\n{_TALK}\n\nTL;DR: "
    assert conversation_in(terse.text) == _TALK
    assert shown.shots == ("mine",)  # the nearest by length
    assert [phrasing.name for phrasing in TASKS["summary"].phrasings][-1] == "terse"


def test_what_was_joined_goes_when_its_file_goes(folder: Path) -> None:
    (folder / "mine.toml").write_text(_OWN)
    join_own()
    join_own()
    assert [shot.name for shot in load_shots()].count("mine") == 1

    (folder / "mine.toml").unlink()
    join_own()

    assert load_shots() == bundled_shots()
    assert all(phrasing.name != "terse" for phrasing in TASKS["summary"].phrasings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[phrasings", "cannot read"),
        ('[[phrasings]]\ntask = "poem"\nname = "a"\ntext = "{dialogue}"', "poem"),
        ('[[phrasings]]\ntask = "summary"\nname = "a"\ntext = "Sum up."', "needs {dialogue}"),
        ('[[phrasings]]\ntask = "summary"\nname = "short"\ntext = "{dialogue}"', "taken"),
        ('[[phrasings]]\ntask = "question"\nname = "a"\ntext = "{dialogue}"', "needs {request}"),
        ('[[phrasings]]\ntask = "summary"\nname = "a"\ntext = "{dialogue}{request}"', "takes no {request}"),
        ('[[shot]]\nname = "a"', "shot"),
        (_OWN.replace('"mine"', '"parcel"'), "parcel"),
    ],
)
def test_a_mistake_is_told_with_the_name_of_its_file(folder: Path, text: str, problem: str) -> None:
    (folder / "wrong.toml").write_text(text)

    with pytest.raises(UsageError) as error:
        join_own()

    assert "wrong.toml" in str(error.value) and problem in str(error.value)
    assert load_shots() == bundled_shots()


def test_a_mistake_of_any_length_is_a_line_with_the_name_of_its_file(folder: Path) -> None:
    (folder / "mine.toml").write_text(f'[[phrasings]]\ntask = "{"[" * 5000}"\nname = "mine"\ntext = "{{dialogue}}"\n')
    with pytest.raises(UsageError, match=r"mine.toml: Invalid enum value .* - at `\$.phrasings") as refused:
        join_own(folder)
    assert len(str(refused.value)) < 1000


def test_the_nearest_shots_by_length_come_first() -> None:
    shots = [Shot(name=str(n), dialogue="x" * n, rationale="", answers={"summary": "y"}) for n in (90, 10, 40)]

    assert [shot.name for shot in nearest_shots(shots, "z" * 20, "few-shot", "summary")] == ["10", "40", "90"]
    assert nearest_shots(shots, "z", "zero-shot", "summary") == []
    assert nearest_shots(shots, "z", "few-shot", "topic") == []
