"""`assistant-train` in this process: flags, files, errors."""

import ast
import inspect
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from assistant.errors import UsageError
from assistant.switches import FETCHING
from tests.tiny_models import build_tiny_model
from training import cli
from training.cli import flags
from training.cli.stages import INPUTS
from training.runs.progress import describe, duration


class Inner(msgspec.Struct, frozen=True):
    beams: int = 4
    """How many."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: float = 0.5
    """How fast
    it learns."""
    kind: Literal["a", "b"] = "a"
    seed: int | None = None
    inner: Inner = Inner()


class Derived(Config, frozen=True):
    more: bool = False
    """Of its own."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text('{"dialogue": "A: hi", "summary": "A greets."}\n')
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_every_field_is_a_flag_with_its_help_type_and_default() -> None:
    found = {leaf.name: leaf for leaf in flags.leaves(Derived)}
    assert list(found) == ["rate", "kind", "seed", "beams", "more"]
    assert found["rate"].help == "How fast it learns."
    assert (found["beams"].path, found["beams"].default, found["beams"].help) == (("inner", "beams"), 4, "How many.")
    assert found["more"].help == "Of its own."
    assert found["kind"].help == ""


def test_a_later_layer_wins_and_what_nobody_names_keeps_its_start_or_default() -> None:
    start = Config(rate=0.1, seed=3)
    built = flags.build(Config, [{"rate": 0.2, "beams": 2}, {"rate": 0.3}], start)
    assert built == Config(rate=0.3, seed=3, inner=Inner(beams=2))
    assert flags.build(Config, []) == Config()


@pytest.mark.parametrize(("layer", "words"), [({"rate": "x"}, "rate: expected"), ({"beams": 1.5}, "beams: expected")])
def test_a_value_of_the_wrong_type_is_named(layer: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        flags.build(Config, [layer])


def test_a_config_file_may_use_tables_and_dashes(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("learning-rate = 0.1\n[generation]\nbeams = 2\ntop_k = 3\n")
    found = flags.read_config_file(path, ["learning_rate", "beams", "top_k"])
    assert found == {"learning_rate": 0.1, "beams": 2, "top_k": 3}


@pytest.mark.parametrize(
    ("text", "words"), [("beems = 2", "unknown key 'beems'; did you mean 'beams'"), ("beams =", "cannot read")]
)
def test_a_config_file_that_is_wrong_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        flags.read_config_file(path, ["beams"])


@pytest.mark.parametrize("name", cli.STAGES)
def test_every_stage_can_be_loaded_and_its_options_are_explained(name: str) -> None:
    stage = cli.STAGES[name]
    assert inspect.signature(cli._load(stage.run))
    assert callable(cli._load(stage.show))
    found = list(flags.leaves(cli._load(stage.config)))
    names = [leaf.name for leaf in found]
    assert name == "memory" or {"max_steps", "seed"} <= set(names)  # memory trains nothing
    assert len(names) == len(set(names)), "flattened names must not collide"
    assert not set(names) & {"data", "dev", "model", "out", "resume", "config", "dry_run", "json", "debug"}
    assert all(leaf.help for leaf in found), "attribute docstrings are the manual"
    assert stage.examples
    assert set(stage.common) <= set(names) and len(stage.common) <= 14
    assert set(stage.inputs) <= set(INPUTS)


def _reads(path: Path, owner: str = "") -> set[str]:
    """Names that a module reads as attributes; with `owner` only those of a variable or field of that name."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute)]
    return {node.attr for node in found if ast.unparse(node.value).split(".")[-1].lstrip("_").endswith(owner)}


@pytest.mark.parametrize("name", cli.STAGES)
def test_an_option_that_is_accepted_is_used(name: str) -> None:
    """Every option of a stage is read somewhere, every input by a module of the stage; nothing else is accepted."""
    stage = cli.STAGES[name]
    module = Path(inspect.getsourcefile(inspect.getmodule(cli._load(stage.run))))  # type: ignore[arg-type]
    own = [module] if name == "memory" else [*module.parent.glob("*.py")]  # memory shares a package with sft
    root = Path(cli.__file__).parents[2]
    code = own if name == "memory" else [*root.glob("training/**/*.py"), *root.glob("assistant/**/*.py")]
    options = {leaf.name for leaf in flags.leaves(cli._load(stage.config))}
    assert options <= set().union(*(_reads(path) for path in code if path.parent.name != "cli"))
    assert set(stage.inputs) - {"columns", "track", "resume"} <= set().union(*(_reads(path, "job") for path in own))
    # Whatever opens a run passes its figures on to a tracker.
    assert ("track" in stage.inputs) == ("open_run" in _reads(module, "job"))
    signature = set(inspect.signature(cli._command(name, stage, detailed=False, show_all=False)).parameters)
    assert signature & set(INPUTS) == set(stage.inputs)


@pytest.mark.parametrize("name", cli.STAGES)
def test_every_stage_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, name, "--help")
    assert code == 0
    assert f"assistant-train {name} {cli.STAGES[name].examples[0]}" in out
    assert all(f"--{option.replace('_', '-')}" in out for option in cli.STAGES[name].common)


def test_help_shows_the_common_options_and_where_the_others_are(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = answer(capsys, "ppo", "--help")
    assert "--kl-target" in out and "--trace" not in out and "docs/reference.md" in out
    assert "docs/reference.md" not in answer(capsys, "memory", "--help")[1]


@pytest.mark.parametrize(
    "words", [["rlhf", "--out", "x"], ["memory", "pocket", "--data", "x"], ["score", "--dev", "x"]]
)
def test_a_flag_that_a_stage_does_not_use_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, *words)
    assert code == 2 and words[-2] in err


def test_stages_for_everybody_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = answer(capsys, "--help")
    assert out.index("rlhf  ") < out.index("sft  ") < out.index("adapt  ") < out.index("ppo  ")


def test_help_imports_nothing_heavy() -> None:
    for words in (["--help"], ["pocket", "--help"], ["evaluate", "--help"], ["runs"]):
        code = (
            f"import sys, training.cli\nassert training.cli.run({words!r}) == 0\nprint(*sys.modules, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not {"torch", "transformers", "numpy", "evaluate", "ctranslate2"} & set(done.stderr.split())


@pytest.mark.parametrize("words", [["sft", "--data"], ["rlhf", "--data"], ["rlhf", "--dev"]])
def test_a_missing_file_is_said_before_anything_heavy_is_imported(words: list[str]) -> None:
    code = f"import sys, training.cli\nprint(training.cli.run({[*words, 'none.jsonl']!r}), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ended, *modules = done.stdout.split()
    assert (ended, done.stderr) == ("3", "assistant-train: no data file at none.jsonl\n")
    assert not {"torch", "transformers", "numpy", "peft", "ctranslate2"} & set(modules)


def test_too_few_ratings_are_said_before_anything_heavy_is_imported() -> None:
    code = "import sys, training.cli\nprint(training.cli.run(['rlhf']), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ended, *modules = done.stdout.split()
    assert (ended, done.stderr.startswith("assistant-train: nothing was rated yet: ")) == ("3", True)
    assert not {"torch", "transformers", "numpy", "peft", "ctranslate2"} & set(modules)


def test_a_dry_run_shows_the_resolved_configuration_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path, home: Path
) -> None:
    config = tmp_path / "c.toml"
    config.write_text("width = 64\nheads = 2\n")
    before = set(tmp_path.rglob("*"))
    code, out, _ = answer(
        capsys, "pocket", "--data", str(data), "--config", str(config), "--heads", "8", "--dry-run", "--json"
    )
    shown = json.loads(out)
    assert code == 0
    # A flag over the file over the default.
    assert (shown["config"]["heads"], shown["config"]["width"], shown["config"]["pieces"]) == (8, 64, 8192)
    assert shown["reads"] == [{"file": str(data), "rows": 1, "bytes": data.stat().st_size}]
    assert set(tmp_path.rglob("*")) == before
    assert not home.exists()


_TALK = "Maya: The review {n} moves to Friday.\\nTom: I'll book the room."
_GOOD = {
    "sft": '{{"dialogue": "' + _TALK + '", "summary": "The review moves."}}',
    "ppo": '{{"dialogue": "' + _TALK + '"}}',
    "reward": '{{"dialogue": "' + _TALK + '", "chosen": "It moves.", "rejected": "Yes."}}',
    "rlhf": '{{"dialogue": "' + _TALK + '", "chosen": "It moves.", "rejected": "Yes."}}',
    "prefer": '{{"dialogue": "' + _TALK + '", "chosen": "It moves.", "rejected": "Yes."}}',
}


@pytest.mark.parametrize("name", _GOOD)
def test_a_dry_run_refuses_the_data_that_a_run_refuses(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    model = [] if name == "reward" else [f"--model={build_tiny_model(tmp_path / 'tiny')}"]
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text("".join(_GOOD[name].format(n=n) + "\n" for n in range(60)))
    bad.write_text('{"title": "no conversation"}\n' * 60)
    before = set(tmp_path.rglob("*"))
    code, out, err = answer(capsys, name, f"--data={good}", *model, "--dry-run", "--json")
    assert code == 0, err + out
    assert json.loads(out)["reads"][0]["rows"] == 60
    assert set(tmp_path.rglob("*")) - before <= set(home.rglob("*")) | {home}
    assert not list(home.rglob("manifest.json")) and not list(home.rglob("*.jsonl"))
    for data in (bad, tmp_path / "none.jsonl"):
        told = [answer(capsys, name, f"--data={data}", *model, *more) for more in ([], ["--dry-run"])]
        assert told[0] == told[1] and told[0][0] in (2, 3)


def test_a_dry_run_of_the_loop_shows_stages_with_times_and_the_model_s_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(_GOOD["rlhf"].format(n=n) + "\n" for n in range(60)))
    model = build_tiny_model(tmp_path / "tiny")
    plan = json.loads(answer(capsys, "rlhf", f"--data={data}", f"--model={model}", "--dry-run", "--json")[1])
    assert plan["pairs"]["n"] == 60 and plan["size"]["parameters"] > 10_000
    assert len(plan["stages"]) == 6 and plan["seconds"] == pytest.approx(
        sum(stage["seconds"] for stage in plan["stages"]), abs=3
    )


def test_documents_have_no_columns_and_are_counted_by_a_dry_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    (tmp_path / "notes.md").write_text("The review moves to Friday. " * 60)
    words = [f"--data={tmp_path / 'notes.md'}", f"--model={build_tiny_model(tmp_path / 'tiny')}"]
    plan = json.loads(answer(capsys, "adapt", *words, "--dry-run", "--json", "--method=full")[1])
    assert plan["documents"] == 1 and plan["pieces"] >= 1 and plan["reads"][0]["rows"] is None
    code, _, err = answer(capsys, "adapt", *words, "--columns=a=b")
    assert (code, "--columns" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("pocket", "--widht", "3"), 2, "Did you mean --width"),
        (("pocket", "--width", "x"), 2, "--width"),
        (("pocke",), 2, "pocket"),
        (("pocket",), 2, "--data"),
        (("pocket", "--data", "none.jsonl"), 3, "no data file at none.jsonl"),
        (("pocket", "--resume"), 3, "no run of pocket"),
        (("pocket", "--resume", "pocket-x"), 3, "no run 'pocket-x'"),
        (("pocket", "--config", "none.toml"), 2, "none.toml"),
        (("evaluate", "--data", "none.jsonl", "--model", "lead-1"), 3, "none.jsonl"),
        (("compare", "lead-1"), 2, "SECOND"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (exit_code, "")
    assert len(err.splitlines()) == 1
    assert words in err
    code, out, err = answer(capsys, *arguments, "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], err) == (exit_code, exit_code, "")
    assert words in told["error"]


def test_a_traceback_comes_with_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Traceback" not in answer(capsys, "evaluate", "--data", "none", "--model", "lead-1")[2]
    assert "Traceback" in answer(capsys, "evaluate", "--data", "none", "--model", "lead-1", "--debug")[2]


@pytest.mark.usefixtures("minilm")
def test_control_sequences_in_data_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = tmp_path / "evil.jsonl"
    row = {"id": "\x1b[31mred", "dialogue": "A: \x1b]0;title\x07hi", "summary": "\x1b[2Jcleared"}
    data.write_text(json.dumps(row) + "\n")
    code, out, _ = answer(capsys, "compare", "lead-1", "lead-3", "--data", str(data))
    assert code == 0
    assert "red" in out
    assert "\x1b" not in out


def test_an_unforeseen_error_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("training.runs.tables.plan", broken)
    code, _, err = answer(capsys, "pocket", "--dry-run")
    assert (code, err) == (1, "assistant-train: ZeroDivisionError: division by zero\n")


def test_progress_tells_step_share_figures_rate_and_time_left() -> None:
    # 100 steps in 50 s are 2 a second; the three quarters that are left take 150 s.
    figures = {"step": 100.0, "fraction": 0.25, "seconds": 50.0, "loss": 1.23456, "dev_loss": 2.0}
    assert describe(figures) == "step 100, 25%, loss 1.235, dev loss 2.000, 2.0 steps/s, 2 min left"
    # Slower than one a second is told the other way round: 100 steps in 250 s.
    assert "2.5 s a step" in describe({**figures, "seconds": 250.0})


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (89, "89 s"), (120, "2 min"), (3 * 3600 + 310, "3 h 05 min")]
)
def test_a_duration_is_told_as_people_tell_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


SEEN: dict[str, str | None] = {}


def note_switches(job: Any) -> dict[str, Any]:
    """A stage that looks whether the libraries may go online."""
    SEEN["offline"] = os.environ.get("HF_HUB_OFFLINE")
    return {}


@pytest.mark.parametrize(("words", "offline"), [((), "1"), (("--download",), "0")])
def test_only_download_lets_a_stage_go_online(
    words: tuple[str, ...], offline: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in FETCHING.items():
        monkeypatch.setenv(name, os.environ.get(name, value))  # put back after the test
    stage = replace(cli.STAGES["sft"], run=f"{__name__}:note_switches", show="training.runs.tables:plain")
    monkeypatch.setitem(cli.STAGES, "sft", stage)
    assert answer(capsys, "sft", *words)[0] == 0
    assert SEEN["offline"] == offline
