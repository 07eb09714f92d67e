"""Uploads a model to the Hub, only at the user's request: shows what would be sent, then sends it in one commit. The
repository gets the files of an export and a card, never a conversation, a rating or a setting.
"""

from collections.abc import Sequence
from pathlib import Path

from assistant.errors import AssistantError, UsageError
from assistant.files import write_atomically
from assistant.models.exporting import Form, export
from assistant.models.hub import endpoint, reporting
from assistant.models.versions import VersionFacts, facts_of, read_facts
from assistant.records import ModelVersion, Record
from assistant.terminal import one_line

_LIBRARIES: dict[Form, str] = {"merged": "transformers", "adapter": "peft", "ctranslate": "ctranslate2"}


class Upload(Record, frozen=True):
    """What a push would send: `files` with their sizes in bytes, from `folder` to `hub_id`, as the user `account`.

    `data` lists the training data and their licences, one line each.
    """

    hub_id: str
    account: str
    folder: str
    is_private: bool
    files: tuple[tuple[str, int], ...]
    licence: str = ""
    data: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The total size in bytes."""
        return sum(size for _, size in self.files)


def prepare(
    model: ModelVersion,
    name: str,
    folder: Path,
    *,
    form: Form = "merged",
    converted: Path | None = None,
    is_private: bool = True,
    licence: str = "",
    data_licences: Sequence[str] = (),
) -> Upload:
    """Export the model into `folder`, which must not exist yet, write its card, and ask the Hub who is logged in.

    `name` is USER/NAME, or NAME alone for a repository of the user. `licence` is that of the weights, by default the
    base's. Uploads nothing. Raises what `assistant.models.hub.reporting` raises, and UsageError if nobody is logged in,
    or if `is_private` but the repository exists and is public.
    """
    with reporting(name, "push", folder.parent):
        account = _account()
        hub_id = name if "/" in name else f"{account}/{name}"
        if is_private and _is_public(hub_id):
            raise UsageError(f"everybody can read {hub_id}: add --public, or name another repository")
    export(model, folder, form, converted)
    data = (*_data_of(model), *(f"licence: {one_line(text)}" for text in data_licences))
    licence = licence or model.licence
    _write_card(folder, model, form, licence, data)
    _hide_places(folder, model)
    files = sorted((str(path.relative_to(folder)), path.stat().st_size) for path in folder.rglob("*") if path.is_file())
    return Upload(
        hub_id=hub_id,
        account=account,
        folder=str(folder),
        is_private=is_private,
        files=tuple(files),
        licence=licence,
        data=data,
    )


def push(upload: Upload, *, shows_progress: bool = False) -> str:
    """Send it in one commit and return the repository's URL; the repository is created if necessary.

    Raises what `assistant.models.hub.reporting` raises. After a lost connection, data already sent is not sent again.
    """
    with reporting(upload.hub_id, "push", Path(upload.folder)):
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import enable_progress_bars

        if shows_progress:
            enable_progress_bars()
        hub = HfApi(endpoint=endpoint())
        place = hub.create_repo(upload.hub_id, private=upload.is_private, exist_ok=True)
        hub.upload_folder(
            repo_id=upload.hub_id, folder_path=upload.folder, commit_message="Upload a model made with Parley"
        )
        return str(place)


def _account() -> str:
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if get_token() is None:
        raise UsageError("you are not logged in to the Hub: run `hf auth login`, then push again")
    try:
        return str(HfApi(endpoint=endpoint()).whoami()["name"])
    except HfHubHTTPError as error:
        if error.response.status_code != 401:
            raise
        raise UsageError("the Hub doesn't know your token: run `hf auth login`, then push again") from error


def _is_public(hub_id: str) -> bool:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return not HfApi(endpoint=endpoint()).model_info(hub_id).private
    except RepositoryNotFoundError:
        return False


def _lineage(model: ModelVersion) -> list[VersionFacts]:
    """Return the facts of the version and its ancestors, newest first, as far as they still exist."""
    found: list[VersionFacts] = []
    facts = facts_of(model)
    while facts is not None and facts.name not in {one.name for one in found}:
        found.append(facts)
        try:
            facts = read_facts(facts.parent or facts.base)
        except AssistantError:
            facts = None
    return found


def _data_of(model: ModelVersion) -> tuple[str, ...]:
    """Return a line for each training that led to the model: "lora: train.jsonl"."""
    return tuple(f"{facts.method}: {', '.join(facts.data) or 'not noted'}" for facts in _lineage(model))


def _write_card(folder: Path, model: ModelVersion, form: Form, licence: str, data: Sequence[str]) -> None:
    """Write the model's card, with the Hub's metadata at the top and the data at the end."""
    from huggingface_hub import ModelCard, ModelCardData

    own = Path(model.folder) / "README.md"
    card = ModelCard(own.read_text(encoding="utf-8") if own.is_file() else f"# {model.ref}\n")
    base = next((facts.base for facts in reversed(_lineage(model))), "")
    card.data = ModelCardData(
        base_model=base if base.count("/") == 1 and not Path(base).is_absolute() else None,
        license=licence or None,
        library_name=_LIBRARIES[form],
        tags=["parley", "summarization", "dialogue"],
    )
    if data:
        rows = "\n".join(f"- {line}" for line in data)
        card.text += f"\n## Data\n\nThe licences of the data can bind whoever uses the weights.\n\n{rows}\n"
    write_atomically(folder / "README.md", f"{card}\n".encode())


def _hide_places(folder: Path, model: ModelVersion) -> None:
    """Replace the path of a local base model by its folder's name."""
    places = {facts.base for facts in _lineage(model) if Path(facts.base).is_absolute()}
    if not places:
        return
    for path in (*folder.glob("*.json"), *folder.glob("*/adapter_config.json"), folder / "README.md"):
        text = path.read_text(encoding="utf-8")
        for place in places:
            text = text.replace(place, Path(place).name)
        write_atomically(path, text.encode())
