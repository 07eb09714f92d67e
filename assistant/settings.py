"""The settings tree: one struct per section, whose attribute docstrings are the manual.

A value comes from the first of: a flag, an `ASSISTANT_*` variable, the project's `assistant.toml`, the user's
`config.toml`, the default here. Unknown keys are refused with the closest known name.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from assistant.errors import UsageError
from assistant.files import write_atomically
from assistant.locations import project_settings_file, settings_file
from assistant.records import GenerationSettings

Origin = Literal["default", "user file", "project file", "environment"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all sections."""


class ModelSettings(Part, frozen=True):
    """Which model answers, and how it runs."""

    ref: str = "auto"
    """`auto` (the promoted one, else `base` if it is on disk, else pocket), `current`, `pocket`, a Hub id or a path."""
    base: str = "google/flan-t5-base"
    """The model used if nothing was promoted and it is on this machine."""
    backend: Literal["auto", "ctranslate", "transformers"] = "auto"
    """`ctranslate` is fast on CPU, `transformers` runs on GPU and needs no conversion; `auto` picks by machine."""
    threads: int = 0
    """Cores for the model; 0 uses all, with the number of threads per text that is fastest here."""


class PromptSettings(Part, frozen=True):
    """How the model is asked."""

    mode: str = "zero-shot"
    """Prompting mode: zero-shot, one-shot, few-shot or chain-of-thought."""
    phrasing: str = ""
    """Wording of the instruction; empty for the task's default."""


class SummarySettings(Part, frozen=True):
    """What is written for a conversation."""

    task: Literal["digest", "summary"] = "digest"
    """What the app writes for a conversation: the digest, or only the model's summary."""
    model_text: Literal["auto", "always", "never"] = "auto"
    """Whether a model's summary is shown with the digest: `auto` if the model passed the exam, `always`, `never`."""


class ScreenSettings(Part, frozen=True):
    """How the app looks."""

    theme: str = "parley-dark"
    """parley-dark, parley-light, high-contrast, or a theme of Textual; `/theme` lists them."""
    show_metadata: bool = True
    """Whether to show model, mode, words and seconds under an answer."""


class FeedbackSettings(Part, frozen=True):
    """How answers are rated."""

    repeat_one_in: int = 10
    """One ranking in this many is followed by an earlier one, to measure your self-agreement; 0 for never."""
    show_scores: bool = False
    """Whether to show the reward model's scores of drafts after you ranked them."""


class KnowledgeSettings(Part, frozen=True):
    """How your documents are read and searched."""

    embedder: str = "minilm"
    """`minilm` (bundled), or a sentence-transformers model; change it with `knowledge update --embedder REF`."""
    precision: Literal["float32", "int8"] = "int8"
    """Precision of the embedder. `int8` is twice as fast; if it is inexact on a processor, `float32` is used."""
    answers: Literal["auto", "quote", "write"] = "auto"
    """`quote` quotes a sentence of your documents, `write` lets the model write, `auto` tests whether it can."""
    reranker: str = ""
    """A sentence-transformers CrossEncoder on this machine that reorders the best passages; empty for none."""


class Settings(Part, frozen=True):
    """All settings."""

    model: ModelSettings = ModelSettings()
    prompt: PromptSettings = PromptSettings()
    summary: SummarySettings = SummarySettings()
    generation: GenerationSettings = GenerationSettings()
    screen: ScreenSettings = ScreenSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    keys: dict[str, str] = {}
    """Keys by the name of their slash command, such as `mode = "f9"`; docs/guide.md lists the names."""


class Setting(msgspec.Struct, frozen=True):
    """A setting with its value and origin."""

    key: str
    value: Any
    origin: Origin


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the current settings, before flags."""
    return resolve(environment)[0]


def resolve(environment: Mapping[str, str] | None = None) -> tuple[Settings, dict[str, Origin]]:
    """Return the current settings, and the origin of every key that is not at its default."""
    environment = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    layers: list[tuple[Origin, dict[str, Any], str]] = [
        ("user file", _read_file(settings_file()), str(settings_file())),
        ("project file", _read_file(project_settings_file()), str(project_settings_file())),
        ("environment", _read_environment(environment), "the environment"),
    ]
    for origin, layer, source in layers:
        _check_keys(layer, source)
        for key, value in _leaves(layer):
            _assign(merged, key, value)
            origins[key] = origin
    try:
        return msgspec.convert(merged, Settings, strict=True), origins
    except msgspec.ValidationError as error:
        raise UsageError(_explain(error, origins)) from error


def list_settings(settings: Settings, origins: Mapping[str, Origin]) -> list[Setting]:
    """Return every setting in the order of the tree."""
    return [
        Setting(key=key, value=value, origin=origins.get(key, "default"))
        for key, value in _leaves(msgspec.to_builtins(settings))
    ]


def known_keys() -> list[str]:
    """Return the dotted names of all settings."""
    return list(_leaf_types(Settings))


def save_setting(key: str, value: str | float | bool, path: Path | None = None) -> None:
    """Set a key in the user's file, keeping its comments. Raises UsageError if the key or the value is wrong."""
    import tomlkit  # only needed for writing: it would add a tenth to the time for reading settings

    path = path or settings_file()
    _check_keys(_read_file(path), str(path))
    document = tomlkit.parse(path.read_text(encoding="utf-8-sig")) if path.exists() else tomlkit.document()
    nested: dict[str, Any] = {}
    _assign(nested, key, value)
    _check_keys(nested, "the setting")
    try:
        msgspec.convert(nested, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"{key} takes {describe_values(key)}") from error
    table: Any = document
    *parents, leaf = key.split(".")
    for parent in parents:
        if parent not in table:
            table[parent] = tomlkit.table()
        table = table[parent]
    table[leaf] = value
    write_atomically(path, tomlkit.dumps(document).encode())


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        advice = "correct it, or bring an earlier one back with `assistant restore`"
        raise UsageError(f"cannot read the settings in {path} ({error}): {advice}") from error


def _read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """`ASSISTANT_MODEL_REF=…` sets model.ref, `ASSISTANT_GENERATION_TOP_K=…` sets generation.top_k."""
    found: dict[str, Any] = {}
    _check_variables(environment)
    for key, kind in _leaf_types(Settings).items():
        text = environment.get(_variable(key))
        if text is None or kind is dict or get_origin(kind) is dict:
            continue
        try:
            # Convert the text to the setting's type, so that "1" becomes a number if required.
            value = msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"{_variable(key)} takes {describe_values(key)}, not {text[:_LONGEST_SHOWN]!r}") from error
        _assign(found, key, value)
    return found


def _variable(key: str) -> str:
    return "ASSISTANT_" + key.replace(".", "_").upper()


def _check_variables(environment: Mapping[str, str]) -> None:
    """Refuse a variable named after a section but no setting in it; other ASSISTANT_* names may belong to other
    programs.
    """
    known = [_variable(key) for key in known_keys()]
    sections = tuple({_variable(key.partition(".")[0]) + "_" for key in known_keys() if "." in key})
    for name in environment:
        if name.startswith(sections) and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise UsageError(f"unknown setting {name} in the environment{hint}")


def _leaf_types(part: type, prefix: str = "") -> dict[str, Any]:
    types: dict[str, Any] = {}
    for name, kind in get_type_hints(part).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            types.update(_leaf_types(kind, f"{prefix}{name}."))
        elif not name.startswith("_"):
            types[prefix + name] = kind
    return types


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, dict) and prefix + name != "keys":
            found += _leaves(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _check_keys(tree: Mapping[str, Any], source: str) -> None:
    known = known_keys()
    sections = {key.rpartition(".")[0] for key in known}
    for key, value in _leaves(tree):
        if key in known:
            continue
        if key in sections:
            raise UsageError(f"{source}: {key} is a section of settings, not a value ({value!r})")
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else "; `assistant config show` lists them"
        raise UsageError(f"{source}: unknown setting {key!r}{hint}")


def _assign(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, leaf = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[leaf] = value


_LONGEST_SHOWN = 200
"""The maximum length of a wrong value in a message: it may be a whole file by mistake."""


def _explain(error: msgspec.ValidationError, origins: Mapping[str, Origin]) -> str:
    """Turn "Expected `int`, got `str` - at `$.generation.top_k`" into a sentence with the key and its origin."""
    key = str(error).rpartition(" - at `$.")[2].rstrip("`").partition("[")[0]
    if key not in known_keys():
        return f"settings: {str(error)[:_LONGEST_SHOWN]}"
    return f"setting {key} ({origins.get(key, 'settings')}) takes {describe_values(key)}"


def describe_values(key: str) -> str:
    """Return the values that a setting takes: "a whole number", "auto, quote or write"."""
    kind = _leaf_types(Settings)[key]
    if get_origin(kind) is Literal:
        *most, last = get_args(kind)
        return f"{', '.join(most)} or {last}"
    kinds = get_args(kind) or (kind,)
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "none"}
    return " or ".join(words[one] for one in kinds) if get_origin(kind) is not dict else "names with texts"
