"""`assistant doctor`: check everything that an answer needs, and say how to fix what is wrong."""

import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import msgspec

from assistant.answering.library import embedder_state
from assistant.cli.output import note, say, say_json
from assistant.conversation import Ask, Assistant
from assistant.dialogue import parse
from assistant.engine.conversion import find_converted
from assistant.engine.precision import read_precision
from assistant.engine.threads import make_plan
from assistant.errors import AssistantError
from assistant.feedback.store import Store
from assistant.locations import conversions_dir, data_dir, home, store_file
from assistant.models.registry import choose, choose_backend
from assistant.settings import load_settings, resolve

_PROBE = "Ana: Can you bring the keys tomorrow?\nBen: Yes, I'll bring them at nine.\nAna: Great, thank you."
_ROOM_MB = 500
"""Free disk space, in MiB, below which a conversion may fail."""


_NEEDED = ("parley-assistant", "textual", "ctranslate2", "tokenizers")
_FOR_TRAINING = ("torch", "transformers")


class Check(msgspec.Struct, frozen=True):
    """The result of one check, a line of the table."""

    name: str
    passed: bool
    detail: str


def doctor(*, offline: bool = False, json: bool = False) -> int:
    """Check this installation: Python, packages, settings, folders, store, model, embedder, and one summary.

    Exits with 1 if a check fails. Include the output in a bug report; it contains none of your conversations.

    Examples:

      assistant doctor

      assistant doctor --offline

    Parameters
    ----------
    offline
        Instead, prove that nothing needs the network: make a summary, an answer from a document, a rating, and one step
        each of reward training and PPO, in a temporary home, without access to network sockets.
    json
        Print one JSON object.
    """
    if offline:
        return _offline(json)
    checks = [_run(name, check) for name, check in _CHECKS.items()]
    if json:
        say_json({"passed": all(c.passed for c in checks), "checks": [msgspec.to_builtins(c) for c in checks]})
    else:
        for check in checks:
            say(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:10}  {check.detail}")
    return 0 if all(check.passed for check in checks) else 1


def _offline(as_json: bool) -> int:
    from assistant.cli.offline import check_offline

    report = check_offline(lambda name: note(f"checking: {name}"))
    if as_json:
        say_json({"passed": report.passed, **msgspec.to_builtins(report)})
        return 0 if report.passed else 1
    for step in report.steps:
        state = "skip" if step.skipped else "ok  " if step.passed else "FAIL"
        figures = f"{step.seconds:6.1f} s  {step.attempts} network calls"
        say(f"{state}  {step.name:11}  {figures}  {step.skipped or step.detail}")
    say(f"The network was shut by: {', '.join(report.fences)}.")
    return 0 if report.passed else 1


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except (AssistantError, OSError) as error:
        return Check(name, False, str(error))


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def _packages() -> str:
    found = []
    for name in (*_NEEDED, *_FOR_TRAINING):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if name in _NEEDED:
                raise AssistantError(f"{name} is not installed; run `make chat` again") from None
            found.append(f"no {name} (pip install 'parley-assistant[train]' brings it)")
            break
    return ", ".join(found)


def _settings() -> str:
    _, origins = resolve()
    return f"{len(origins)} of your own" if origins else "all at their defaults"


def _places() -> str:
    place = data_dir()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        raise AssistantError(f"no permission to write {existing}; set ASSISTANT_HOME to a folder of yours")
    if place.exists() and place.stat().st_mode & 0o077:
        raise AssistantError(f"other users can read {place}; run: chmod 700 {place}")
    free = shutil.disk_usage(existing).free // 2**20
    if free < _ROOM_MB:
        raise AssistantError(f"only {free} MB free at {existing}; a conversion may need {_ROOM_MB}")
    return f"{home() or place}, {free // 1024} GB free"


def _store() -> str:
    with Store.open() as store:
        return f"{store_file()}, last answer {'kept' if store.completions.newest(limit=1) else 'not asked yet'}"


def _model() -> str:
    settings = load_settings()
    model, why = choose(settings)
    backend = choose_backend(settings, model)
    ready = bool(model.converted) or (conversions_dir().exists() and any(conversions_dir().iterdir()))
    detail = f"{model.ref} with {backend}: {why.removesuffix('.')}"
    if backend != "ctranslate":
        return detail
    if not ready:
        return f"{detail}; will be converted at the first answer"
    converted = find_converted(model)
    if not converted:
        return detail
    plan = make_plan(converted, settings.model.threads)
    return f"{detail}; {read_precision(converted).sentence()}; {plan.sentence()}"


def _embedder() -> str:
    return embedder_state(load_settings().knowledge)


def _summary() -> str:
    with Assistant(load_settings()) as assistant:
        loaded = assistant.load()
        completion = assistant.answer(parse(_PROBE), Ask()).completion
        words = len(completion.answer.split())
        return f"{words} words in {completion.seconds:.2f} s, loaded in {loaded.seconds:.2f} s"


_CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "packages": _packages,
    "settings": _settings,
    "places": _places,
    "store": _store,
    "model": _model,
    "embedder": _embedder,
    "summary": _summary,
}
