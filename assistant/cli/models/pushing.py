"""`assistant models push`: show what would be uploaded, ask, and upload it."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from assistant.cli.output import is_interactive, note, say, say_json
from assistant.engine.conversion import ensure_converted
from assistant.errors import Interrupted, UsageError
from assistant.locations import ensure_dir, models_dir
from assistant.models.downloads import write_size
from assistant.models.exporting import Form
from assistant.models.registry import resolve
from assistant.settings import load_settings

_Flag = Annotated[bool, Parameter(negative=())]


def push(
    ref: str,
    name: str,
    *,
    form: Form = "merged",
    public: _Flag = False,
    licence: str = "",
    data_licence: list[str] | None = None,
    yes: _Flag = False,
    json: bool = False,
) -> None:
    """Upload a model to the Hub, with its card. Parley shows what it would upload and asks first.

    The repository is private unless you add --public. Conversations, ratings and settings are never uploaded. Log in
    with `hf auth login` first. If the upload is interrupted, the same command continues it.

    Examples:

      assistant models push v2 flan-t5-base-dialogsum --data-licence "DialogSum: CC BY-NC-SA 4.0"
      assistant models push v2 my-team/summarizer --form adapter --yes

    Parameters
    ----------
    ref
        current, pocket, a Hub id on this machine, a folder, or a registry version.
    name
        USER/NAME, or NAME for a repository of your own. It is created if it does not exist.
    form
        `merged` for transformers, `adapter` for peft, `ctranslate` for CTranslate2.
    public
        Let everybody read the repository.
    licence
        Licence of the weights on the card, by the Hub's name, such as cc-by-nc-sa-4.0. Default: that of the base.
    data_licence
        Licence of data that the model was trained on, for the card. Repeat it for more.
    yes
        Upload without asking.
    json
        Print one JSON object.
    """
    from assistant.models.pushing import prepare
    from assistant.models.pushing import push as upload

    model = resolve(ref, load_settings())
    converted = ensure_converted(model) if form == "ctranslate" else None
    with tempfile.TemporaryDirectory(prefix=".pushing-", dir=ensure_dir(models_dir())) as place:
        asked = prepare(
            model,
            name,
            Path(place) / "model",
            form=form,
            converted=converted,
            is_private=not public,
            licence=licence,
            data_licences=data_licence or (),
        )
        seen = "private" if asked.is_private else "PUBLIC: everybody can read it"
        note(f"{model.ref} goes to {asked.hub_id} as {asked.account}, {seen}:")
        for file, size in asked.files:
            note(f"  {file:32} {size:15,} bytes")
        note(f"  {write_size(asked.size)} in all; licence on the card: {asked.licence or 'none'}")
        for line in asked.data:
            note(f"  data on the card: {line}")
        if not yes:
            _ask()
        try:
            address = upload(asked, shows_progress=is_interactive())
        except KeyboardInterrupt:
            raise Interrupted("stopped: run the same command to continue") from None
    if json:
        told = {"private": asked.is_private, "bytes": asked.size, "licence": asked.licence, "data": asked.data}
        say_json({"model": model.ref, "repository": asked.hub_id, "url": address, "files": dict(asked.files), **told})
    else:
        say(f"{model.ref} is at {address}")


def _ask() -> None:
    """Ask for confirmation. Raises UsageError if standard input has ended, Interrupted for any answer but yes."""
    note("Upload? [y/N]")
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("nothing was uploaded: answer y, or add --yes")
    if answer.strip().lower() not in {"y", "yes"}:
        raise Interrupted("nothing was uploaded")
