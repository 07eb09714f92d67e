"""`assistant-train`: one command for each stage of the STAGES table.

Stages and their libraries are imported when a stage runs, so that `--help` is fast.
"""

import importlib
import inspect
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, CycloptsError, Group, Parameter

from assistant.errors import AssistantError, GateNotPassed, Interrupted, UsageError
from assistant.switches import FETCHING, OFFLINE
from assistant.terminal import json_line, one_line, printable
from training.cli import flags
from training.cli.stages import STAGES, Stage
from training.runs import tables
from training.runs.tracking import Tracker, require_tracker

_ABOUT = """Train, tune, align and evaluate models.

```
assistant-train rlhf
assistant-train sft --data train.jsonl --dev dev.jsonl --model pocket
assistant-train evaluate --data dev.jsonl --model pocket
assistant-train sft --help
```
"""
_MORE = "More options are in docs/reference.md. Each works as a flag or in --config; --dry-run shows their values."
_FIRST = ("rlhf", "sft", "evaluate")
"""Stages that `--help` lists first."""
_USUAL, _OTHERS = Group("Usual commands", sort_key=0), Group("More commands", sort_key=1)
NEWEST = "newest"
"""The value of a bare `--resume`."""
_GENERAL = Group("General", sort_key=0)
_DATA = (
    "Data: JSON Lines, a JSON array, CSV or parquet, compressed or not, a `save_to_disk` folder, or a Hub id. "
    "Repeat it for more."
)
_TRACK = "Pass the run's figures on to a tracker, which keeps them in a folder beside the runs."


def _common(stage: Stage) -> list[inspect.Parameter]:
    def flag(name: str, kind: Any, default: Any, text: str, *spellings: str) -> inspect.Parameter:
        spelled = Parameter(help=text, group=_GENERAL, negative=(), name=spellings or None, show_default=False)
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, spelled]
        )

    words = [
        inspect.Parameter(
            word,
            inspect.Parameter.POSITIONAL_ONLY,
            annotation=Annotated[str, Parameter(help=stage.operand)],
        )
        for word in stage.operands
    ]
    inputs = {
        "data": flag("data", list[Path], None, _DATA, "--data"),
        "dev": flag("dev", Path | None, None, stage.dev),
        "columns": flag("columns", list[str], None, "Your column names: dialogue=text,summary=target.", "--columns"),
        "model": flag("model", str, "", "Model reference: current, pocket, a Hub id, a path, or a registry version."),
        "out": flag("out", Path | None, None, "Where to write the result.", "--out", "-o"),
        "track": flag("track", Tracker | None, None, _TRACK, "--track"),
        "resume": flag(
            "resume", str | None, None, "Resume a run: its name, or nothing for the newest. Needs no other flag."
        ),
    }
    return [
        *words,
        *(inputs[name] for name in stage.inputs),
        flag("config", Path | None, None, "TOML file with values for these flags. Flags override it."),
        flag("dry_run", bool, False, "Show the configuration and what would be read, and write nothing."),
        flag("json", bool, False, "Print one JSON object to standard output."),
        flag("debug", bool, False, "Show a traceback on errors."),
    ]


def build_app(arguments: Sequence[str], *, show_all: bool = False) -> App:
    """Build the command line. Only the stage named in `arguments` gets its own flags, so that the configurations of
    other stages are not imported. With `show_all`, help lists every option.
    """
    # `run` handles interrupts.
    app = App(name="assistant-train", help=_ABOUT, suppress_keyboard_interrupt=False)
    for name, stage in STAGES.items():
        call = _command(name, stage, detailed=name in arguments, show_all=show_all)
        hides_some = name in arguments and not show_all and bool(_hidden(stage))
        group = _USUAL if name in _FIRST else _OTHERS
        app.command(call, name=name, help=_help(name, stage), help_epilogue=_MORE if hides_some else None, group=group)
    app.command(_runs, name="runs", group=_USUAL)
    return app


def main() -> None:
    """The entry point of `assistant-train`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    os.environ.update(OFFLINE)
    words = [f"--resume={NEWEST}" if _is_bare_resume(arguments, i) else word for i, word in enumerate(arguments)]
    try:
        build_app(words)(words, print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        return _refuse(UsageError(one_line(str(error))), arguments)
    except GateNotPassed as error:
        return _fail_gate(error, arguments)
    except KeyboardInterrupt:
        return _refuse(Interrupted("stopped at once; what was saved before is kept"), arguments)
    except BrokenPipeError:
        # The reader closed the pipe. Python must not report that again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    # The outermost boundary: the user sees one line for any error, and the traceback with --debug.
    except Exception as error:  # noqa: BLE001
        return _refuse(error, arguments)
    return 0


def _is_bare_resume(arguments: Sequence[str], index: int) -> bool:
    following = arguments[index + 1] if index + 1 < len(arguments) else "-"
    return arguments[index] == "--resume" and following.startswith("-")


def _refuse(error: Exception, arguments: Sequence[str]) -> int:
    code = error.exit_code if isinstance(error, AssistantError) else 1
    message = str(error) if isinstance(error, AssistantError | OSError) else f"{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError):
        code, message = 3, f"training needs {error.name}: pip install 'parley-assistant[train]'"
    if "--debug" in arguments:
        traceback.print_exception(error)
    if "--json" in arguments:
        print(json.dumps({"error": one_line(message), "exit_code": code}))
    else:
        print(f"assistant-train: {one_line(message)}", file=sys.stderr)
    return code


def _fail_gate(error: GateNotPassed, arguments: Sequence[str]) -> int:
    """Print the results all the same: the candidate is kept, and its figures show why it was not promoted."""
    if "--json" in arguments:
        print(json.dumps({**error.found, "error": one_line(str(error)), "exit_code": error.exit_code}), flush=True)
        return error.exit_code
    if error.found:
        print(printable(tables.loop(error.found)), flush=True)
    return _refuse(error, arguments)


def _help(name: str, stage: Stage) -> str:
    examples = "\n".join(f"assistant-train {name} {example}".rstrip() for example in stage.examples)
    return f"{stage.help}\n\n```\n{examples}\n```"


def _command(name: str, stage: Stage, *, detailed: bool, show_all: bool) -> Any:
    """Return a function whose signature tells cyclopts the stage's flags. It is called with only those given."""

    def call(*operands: str, **given: Any) -> None:
        _carry_out(name, stage, operands, given)

    groups = Group("Options", sort_key=1), Group("More options", sort_key=2)
    own = flags.parameters(_load(stage.config), stage.common, groups, show_all=show_all) if detailed else []
    call.__signature__ = inspect.Signature([*_common(stage), *own])  # type: ignore[attr-defined]
    return call


def _hidden(stage: Stage) -> set[str]:
    """Return the names of the options that `--help` leaves to the reference."""
    return {leaf.name for leaf in flags.leaves(_load(stage.config))} - set(stage.common)


def _carry_out(name: str, stage: Stage, operands: tuple[str, ...], given: dict[str, Any]) -> None:
    from assistant.prompts import join_own
    from training.runs.job import Job
    from training.runs.progress import showing
    from training.runs.run import stop_signals

    # Prompts in the store may use the user's own wordings. They must be known to find the conversations in them.
    join_own()
    struct = _load(stage.config)
    values, config = _resolve(name, struct, given)
    job = Job(
        stage=name,
        config=config,
        data=tuple(Path(path) for path in values.get("data") or ()),
        dev=_path(values.get("dev")),
        model=values.get("model") or "",
        out=_path(values.get("out")),
        resume=values.get("resume"),
        track=values.get("track") or "",
        operands=operands,
    )
    columns = values.get("columns") or ()
    if job.track:
        require_tracker(job.track)
    if values.get("dry_run"):
        with tempfile.TemporaryDirectory() as place:
            read = _as_lines(stage, job, columns, Path(place))
            more = _load(stage.plan)(replace(read, say=lambda line: None)) if stage.plan else {}
            _answer(tables.plan(job, read, stage.reads_rows) | more, tables.plain, as_json=bool(values.get("json")))
        return
    job.require_files()
    job = _as_lines(stage, job, columns)
    if stage.check:
        _load(stage.check)(job)
    if getattr(config, "download", False):
        os.environ.update(FETCHING)
    # Import before `stop_signals`: it takes seconds, and there is nothing to save yet if the user interrupts.
    carry_out = _load(stage.run)
    with stop_signals() as stop, showing(name) as report:
        result = carry_out(replace(job, stop=stop, report=report, table=report.table, say=report.say))
    _answer(result, _load(stage.show), as_json=bool(values.get("json")))


def _as_lines(stage: Stage, job: Any, columns: Sequence[str], folder: Path | None = None) -> Any:
    """Return the job with its data as JSON Lines. Data in other formats are copied, to `folder` if given."""
    from training.runs.data.sources import as_json_lines, parse_columns

    if not stage.reads_rows:
        return job
    named, download = parse_columns(columns), bool(getattr(job.config, "download", False))
    if download:
        os.environ.update(FETCHING)

    def lines(path: Path) -> Path:
        return as_json_lines(path, named, download=download, folder=folder)

    return replace(job, data=tuple(map(lines, job.data)), dev=lines(job.dev) if job.dev else None)


def _resolve(name: str, struct: type[msgspec.Struct], given: dict[str, Any]) -> tuple[dict[str, Any], msgspec.Struct]:
    """Return the values of the general flags, and the configuration. Flags override the file, the file overrides the
    resumed run, and that overrides the defaults.
    """
    from training.runs.run import find_run, read_manifest, started_with

    own = {leaf.name for leaf in flags.leaves(struct)}
    known = own | {*STAGES[name].inputs} - {"resume"}
    file = flags.read_config_file(given["config"], known) if given.get("config") else {}
    before: dict[str, Any] = {}
    start = None
    if (resume := given.get("resume")) is not None:
        folder = find_run(name, None if resume == NEWEST else resume)
        manifest = read_manifest(folder)
        start = started_with(manifest, struct, folder.name)
        before = {**manifest.inputs, "resume": folder.name}
    layers = [{key: value for key, value in layer.items() if key in own} for layer in (file, given)]
    return {**before, **file, **given, **({"resume": before["resume"]} if before else {})}, flags.build(
        struct, layers, start
    )


def _runs(*, json: Annotated[bool, Parameter(negative=())] = False, debug: bool = False) -> None:
    """List runs with their state, last step and last held-out metric.

    Parameters
    ----------
    json
        Print one JSON list to standard output.
    debug
        Show a traceback on errors.
    """
    from training.runs.run import list_runs

    _answer([msgspec.to_builtins(run) for run in list_runs()], tables.runs, as_json=json)


def _answer(result: Any, show: Callable[[Any], str], *, as_json: bool) -> None:
    print(json_line(result) if as_json else printable(show(result)), flush=True)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _path(value: str | Path | None) -> Path | None:
    return Path(value) if value else None
