"""`assistant models`: what can be served, and what it is."""

from pathlib import Path

from cyclopts import App

from assistant.cli.output import is_interactive, note, say, say_json
from assistant.engine.conversion import ensure_converted
from assistant.engine.protocol import Progress
from assistant.models.registry import choose, list_models, resolve
from assistant.records import ModelVersion
from assistant.settings import load_settings

models = App(name="models", help="List, inspect and convert models.", help_format="plaintext")


@models.command(name="list")
def list_(*, json: bool = False) -> None:
    """List the models on this machine; a star marks the one that answers.

    Parameters
    ----------
    json
        Print one JSON list.
    """
    serving, why = choose(load_settings())
    found = list_models()
    if json:
        say_json([{**_facts(model), "serving": model.ref == serving.ref} for model in found])
        return
    for model in found:
        star = "*" if model.ref == serving.ref else " "
        say(f"{star} {model.ref:28} {_size(model):>9}  {model.kind:8} window {model.window}")
    note(f"{serving.ref}: {why}")


@models.command(name="show")
def show(ref: str, *, json: bool = False) -> None:
    """Print what is known of one model, its card included.

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
    if json:
        say_json(_facts(model))
        return
    for key, value in _facts(model).items():
        say(f"{key:12} {value}")
    card = Path(model.folder) / "README.md"
    if card.is_file():
        say("")
        say(card.read_text(encoding="utf-8", errors="replace"))


@models.command(name="pull")
def pull(hub_id: str, *, json: bool = False) -> None:
    """Download a model from the Hub and convert it. Nothing is ever downloaded unless you ask for it here.

    A pull that was stopped goes on where it was.

    Example:

      assistant models pull google/flan-t5-base

    Parameters
    ----------
    hub_id
        The model's id on the Hub; an encoder-decoder of the T5 family with safetensors weights.
    json
        Print one JSON object.
    """
    from assistant.models.pull import pull as download

    folder = download(hub_id, bars=is_interactive())
    model = resolve(hub_id, load_settings())
    place = ensure_converted(model, _tell)
    if json:
        say_json({"model": model.ref, "folder": str(folder), "converted": str(place)})
    else:
        say(f"{model.ref} is here and converted. Use it with: --model {model.ref}")


@models.command(name="convert")
def convert(ref: str, *, json: bool = False) -> None:
    """Convert a model for fast serving on CPU, and check that the conversion agrees with the original.

    Done by itself before a model first serves; this does it ahead of time.

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
    }


def _size(model: ModelVersion) -> str:
    return f"{model.parameters / 1e6:.1f} M" if model.parameters else "unknown"
