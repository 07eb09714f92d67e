"""Settings come from the nearest source, every mistake names its key and its source, and comments survive a change."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant.errors import UsageError
from assistant.locations import settings_file
from assistant.settings import Settings, known_keys, list_settings, load_settings, resolve, save_setting


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def leaf(settings: Settings, key: str) -> Any:
    return {setting.key: setting.value for setting in list_settings(settings, {})}[key]


def test_without_any_source_everything_is_at_its_default() -> None:
    settings, origins = resolve({})
    assert settings == Settings()
    assert origins == {}


def test_the_environment_beats_the_project_and_the_project_beats_the_user() -> None:
    write(settings_file(), "[generation]\ntop_k = 1\nbeams = 1\ndrafts = 1\n")
    write(Path("assistant.toml"), "[generation]\ntop_k = 2\nbeams = 2\n")
    settings, origins = resolve({"ASSISTANT_GENERATION_TOP_K": "3"})
    assert (settings.generation.top_k, settings.generation.beams, settings.generation.drafts) == (3, 2, 1)
    assert origins == {
        "generation.top_k": "environment",
        "generation.beams": "project file",
        "generation.drafts": "user file",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("GENERATION_TEMPERATURE", "0.5", 0.5),
        ("GENERATION_SEED", "7", 7),
        ("SCREEN_SHOW_METADATA", "false", False),
        ("MODEL_REF", "12", "12"),
    ],
)
def test_a_variable_is_read_as_its_settings_type(name: str, text: str, value: object) -> None:
    key = name.lower().replace("_", ".", 1)
    found = leaf(load_settings({f"ASSISTANT_{name}": text}), key)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("key", [key for key in known_keys() if key != "keys"])
def test_every_setting_can_be_saved_and_is_read_back(key: str) -> None:
    value = leaf(Settings(), key)
    save_setting(key, 7 if value is None else value)
    settings, origins = resolve({})
    assert origins == {key: "user file"}
    assert leaf(settings, key) == (7 if value is None else value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[generaton]\ntop_k = 5", r"unknown setting 'generaton.top_k'; did you mean 'generation.top_k'\?"),
        ("generation = 5", "generation is a section of settings"),
        ("[generation]\ntop_k = 'x'", r"setting generation.top_k \(user file\) takes a whole number"),
        ("[model]\nbackend = 'gpu'", r"setting model.backend \(user file\) takes auto, ctranslate or transformers"),
        ("[keys]\nsend = 5", "setting keys .* takes names with texts"),
        ("= 5", "cannot read the settings in .*config.toml"),
    ],
)
def test_a_mistake_in_a_file_names_its_key_and_place(text: str, message: str) -> None:
    write(settings_file(), text)
    with pytest.raises(UsageError, match=message) as caught:
        load_settings({})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("ASSISTANT_GENERATION_TOPK", r"unknown setting ASSISTANT_GENERATION_TOPK .*ASSISTANT_GENERATION_TOP_K\?"),
        ("ASSISTANT_GENERATION_TOP_K", "ASSISTANT_GENERATION_TOP_K takes a whole number, not 'many'"),
    ],
)
def test_a_mistake_in_the_environment_names_its_variable(variable: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_settings({variable: "many"})


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert load_settings({"ASSISTANT_HOME": "/x", "ASSISTANT_OF_MINE": "1", "PATH": ""}) == Settings()


def test_a_file_with_a_byte_order_mark_is_read_and_changed() -> None:
    write(settings_file(), "\ufeff[prompt]\nmode = 'few-shot'\n")
    save_setting("prompt.phrasing", "short")
    assert load_settings({}).prompt.mode == "few-shot"


def test_saving_keeps_comments_and_order() -> None:
    write(settings_file(), "# mine\n[generation]\ntop_k = 5  # not too many\nbeams = 2\n")
    save_setting("generation.top_k", 9)
    save_setting("keys.send", "ctrl+s")
    assert settings_file().read_text() == (
        '# mine\n[generation]\ntop_k = 9  # not too many\nbeams = 2\n\n[keys]\nsend = "ctrl+s"\n'
    )
    assert load_settings({}).keys == {"send": "ctrl+s"}


@pytest.mark.parametrize(("key", "value"), [("generation.top_k", "x"), ("nope", 1), ("generation", 3), ("keys", "a")])
def test_a_wrong_value_is_not_saved(key: str, value: str | int) -> None:
    with pytest.raises(UsageError, match=key):
        save_setting(key, value)
    assert not settings_file().exists()


@pytest.mark.parametrize("text", ["[generation", "generation = 5", "\udcff"])
def test_saving_leaves_a_damaged_file_alone(text: str) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=r"config\.toml"):
        save_setting("generation.top_k", 9)
    assert settings_file().read_bytes() == text.encode("utf-8", "surrogateescape")


def test_every_setting_has_a_line_in_the_list() -> None:
    settings = msgspec.structs.replace(Settings(), keys={"send": "ctrl+s"})
    listed = list_settings(settings, {"keys": "user file"})
    assert [setting.key for setting in listed] == known_keys()
    assert [setting.origin for setting in listed if setting.key == "keys"] == ["user file"]


def test_a_wrong_value_of_any_length_is_a_line_that_names_its_key() -> None:
    write(settings_file(), f"[model]\nbackend = '{'[' * 5000}'\n")
    with pytest.raises(UsageError, match=r"setting model.backend \(user file\) takes auto") as refused:
        resolve({})
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "text", ["{name} = 1", "[{name}]\nx = 1", "[generation]\n{name} = 1", "generation = '{name}'", "[{name}]\n[{name}]"]
)
def test_a_wrong_key_or_section_of_any_length_is_a_line(text: str) -> None:
    write(settings_file(), text.format(name="9" * 5000))
    with pytest.raises(UsageError, match=r"unknown setting '|generation is a section|Cannot declare") as refused:
        resolve({})
    assert len(str(refused.value)) < 1000
