"""`assistant models`: list, inspect, test, choose, export and remove models."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from assistant.cli.models.downloading import download
from assistant.cli.models.proof import trial, why
from assistant.cli.models.pushing import push
from assistant.cli.output import is_interactive, note, say, say_json
from assistant.engine.conversion import ensure_converted
from assistant.engine.protocol import Progress
from assistant.errors import AssistantError
from assistant.exam import ExamResult, known_result
from assistant.models import versions
from assistant.models.embedders import inspect_embedder, list_embedders
from assistant.models.exporting import Form
from assistant.models.folder import is_embedder
from assistant.models.registry import choose, list_models, resolve
from assistant.records import ModelVersion
from assistant.settings import load_settings

models = App(name="models", help="List, inspect, choose, export and remove models.", help_format="plaintext")


@models.command(name="list")
def list_(*, json: bool = False) -> None:
    """List the models on this machine; a star marks the one that answers.

    Parameters
    ----------
    json
        Print one JSON list.
    """
    serving, why = choose(load_settings())
    found, embedders = list_models(), list_embedders()
    if json:
        models = [{**_facts(model), "serving": model.ref == serving.ref} for model in found]
        say_json([*models, *({"kind": "embedder", **msgspec.to_builtins(facts)} for facts in embedders)])
        return
    for model in found:
        star = "*" if model.ref == serving.ref else " "
        say(f"{star} {model.ref:28} {_size(model):>9}  {model.kind:8} window {model.window}  {_origin(model)}".rstrip())
    for facts in embedders:
        say(f"  {facts.ref:28} {facts.parameters / 1e6:>7.1f} M  embedder for your documents")
    note(f"{serving.ref}: {why}")


@models.command(name="show")
def show(ref: str, *, json: bool = False) -> None:
    """Print the facts about one model, and its model card.

    Example:

      assistant models show pocket

    Parameters
    ----------
    ref
        current, pocket, a Hub id on this machine, or a folder.
    json
        Print one JSON object.
    """
    model = resolve(ref, load_settings())
    result = known_result(model)
    if json:
        say_json({**_facts(model), "exam": _exam_facts(result) if result else None})
        return
    for key, value in _facts(model).items():
        if isinstance(value, dict):
            for name, inner in value.items():
                say(f"{key + '.' + name:24} {inner}")
        else:
            say(f"{key:24} {value}")
    say(f"{'exam':24} {result.sentence() if result else f'not taken yet: assistant models exam {model.ref}'}")
    card = Path(model.folder) / "README.md"
    if card.is_file():
        say("")
        say(card.read_text(encoding="utf-8", errors="replace"))


@models.command(name="pull")
def pull(hub_id: str, *, json: bool = False) -> None:
    """Download a model from the Hub and convert it. Nothing is ever downloaded unless you ask for it.

    Parley first shows the size and the licence. After Ctrl+C, the next pull continues the download.

    Example:

      assistant models pull google/flan-t5-base

    Parameters
    ----------
    hub_id
        The model's id on the Hub: an encoder-decoder of the T5 family, or a sentence-transformers model that reads
        your documents (`knowledge update --embedder`). Its weights must be safetensors.
    json
        Print one JSON object.
    """
    from assistant.answering.library import prepare_embedder

    folder = download(hub_id)
    if is_embedder(folder):
        use, place = f"assistant knowledge update --embedder {hub_id}", prepare_embedder(hub_id, note)
        licence = inspect_embedder(hub_id, folder).licence
    else:
        model = resolve(hub_id, load_settings())
        use, place, licence = f"--model {hub_id}", ensure_converted(model, _tell), model.licence
    if json:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        facts = {"bytes": size, "licence": licence}
        say_json({"model": hub_id, "folder": str(folder), "converted": place and str(place), **facts})
    else:
        say(f"{hub_id} is here and {'converted' if place else 'ready'}. Use it with: {use}")


@models.command(name="exam")
def exam(ref: str, *, json: bool = False) -> None:
    """Test a model on sixteen conversations. If it passes, its summaries are shown above the digest.

    Its summaries must contain facts and few errors, and it must tell true statements from false ones.

    The result is kept until the model's files change.

    Example:

      assistant models exam google/flan-t5-base

    Parameters
    ----------
    ref
        current, pocket, a Hub id on this machine, a version or a folder.
    json
        Print one JSON object.
    """
    from assistant.conversation import Assistant
    from assistant.overview import exam_of

    settings = load_settings()
    with Assistant(settings, on_notice=note) as assistant:
        result = exam_of(assistant, resolve(ref, settings), _tell)
    if json:
        say_json({"model": ref, **_exam_facts(result)})
    else:
        say(result.sentence())


@models.command(name="use")
def use(ref: str, *, json: bool = False) -> None:
    """Choose the model that answers from now on, on the command line and in the app.

    Examples:

      assistant models use v3
      assistant models use google/flan-t5-base

    Parameters
    ----------
    ref
        pocket, a Hub id on this machine, a folder, or a registry version.
    json
        Print one JSON object.
    """
    model = versions.promote(ref, why="chosen by hand")
    if json:
        say_json({"model": model.ref})
    else:
        say(f"{model.ref} is used from now on. `assistant models rollback` goes back.")


@models.command(name="rollback")
def rollback(*, json: bool = False) -> None:
    """Go back to the model that answered before.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    ref = versions.rollback()
    model, why = choose(load_settings())
    if json:
        say_json({"model": model.ref, "promoted": None if ref == "auto" else ref})
    else:
        say(f"{model.ref} answers again: {why}")


@models.command(name="export")
def export(
    ref: str,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    form: Form = "merged",
    json: bool = False,
) -> None:
    """Write a model to a folder, for other programs.

    Examples:

      assistant models export v3 -o my-model
      assistant models export v3 -o my-adapter --form adapter

    Parameters
    ----------
    ref
        current, pocket, a Hub id on this machine, a folder, or a registry version.
    out
        The folder to write, which must not exist yet.
    form
        `merged` for transformers, `adapter` for peft, `ctranslate` for CTranslate2.
    json
        Print one JSON object.
    """
    from assistant.models.exporting import export as write

    model = resolve(ref, load_settings())
    converted = ensure_converted(model, _tell) if form == "ctranslate" else None
    place = write(model, out, form, converted)
    if json:
        say_json({"model": model.ref, "form": form, "folder": str(place)})
    else:
        say(f"{model.ref} is in {place}, {form}.")


models.command(why, name="why")
models.command(trial, name="trial")
models.command(push, name="push")


@models.command(name="remove")
def remove(ref: str, *, force: Annotated[bool, Parameter(negative=())] = False, json: bool = False) -> None:
    """Delete a version or a pulled model from this machine. The one that answers is never deleted.

    Parameters
    ----------
    ref
        A registry version or a Hub id that was pulled.
    force
        Delete it even if other versions were trained from it. They still work but cannot be trained further.
    json
        Print one JSON object.
    """
    folder = versions.remove(ref, force=force)
    if json:
        say_json({"removed": ref, "folder": str(folder)})
    else:
        say(f"{ref} is gone.")


@models.command(name="convert")
def convert(ref: str, *, json: bool = False) -> None:
    """Convert a model for fast serving on CPU, and check that the conversion agrees with the original.

    Parley does this on first use; this command does it ahead of time.

    Parameters
    ----------
    ref
        A Hub id on this machine, or a folder.
    json
        Print one JSON object.
    """
    model = resolve(ref, load_settings())
    place = ensure_converted(model, _tell)
    if json:
        say_json({"model": model.ref, "converted": str(place)})
    else:
        say(str(place))


def _tell(progress: Progress) -> None:
    if is_interactive():
        note(f"{progress.stage} …")


def _facts(model: ModelVersion) -> dict[str, object]:
    return {
        "ref": model.ref,
        "kind": model.kind,
        "folder": model.folder,
        "converted": model.converted,
        "parameters": model.parameters,
        "window": model.window,
        "licence": model.licence,
        **_made(model),
    }


def _exam_facts(result: ExamResult) -> dict[str, object]:
    return {**msgspec.to_builtins(result), "passed": result.passed, "failures": result.failures}


def _made(model: ModelVersion) -> dict[str, object]:
    """How a version was made, and its results; empty for models that were not made here."""
    try:
        facts = versions.facts_of(model)
    except AssistantError as error:
        return {"problem": str(error)}
    if facts is None:
        return {}
    return {name: value for name, value in msgspec.to_builtins(facts).items() if name not in {"name", "files"}}


def _origin(model: ModelVersion) -> str:
    """How a version was made, such as "lora of pocket, from v2"; empty for models that were not made here."""
    made = _made(model)
    if "problem" in made:
        return "damaged: `assistant models show` says how"
    if not made:
        return ""
    parent = f", from {made['parent']}" if made["parent"] else ""
    return f"{made['method']} of {made['base']}{parent}"


def _size(model: ModelVersion) -> str:
    return f"{model.parameters / 1e6:.1f} M" if model.parameters else "unknown"
