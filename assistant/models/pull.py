"""Downloads a model from the Hub, only at the user's request. Safetensors only; an interrupted pull resumes. Incomplete
downloads lie in a separate folder, so that none is ever served.
"""

import fnmatch
import hashlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from assistant.errors import ModelDamaged
from assistant.files import sync_dir
from assistant.locations import ensure_dir, models_dir
from assistant.models.downloads import Download, check_room
from assistant.models.embedders import inspect_embedder
from assistant.models.folder import BESIDE_MODULES, BESIDE_WEIGHTS, MODULES, WEIGHTS, inspect_folder, is_embedder
from assistant.models.hub import endpoint, reporting
from assistant.models.registry import pulled_folder
from assistant.terminal import one_line

_WANTED = (*WEIGHTS, *BESIDE_WEIGHTS, "README.md")
_SHA256_LETTERS = 64
_CHUNK = 1 << 16
"""Bytes between checks for cancellation; the library's 10 MB take half a minute on a slow line."""

OnBytes = Callable[[int, int], None]
"""Receives (bytes so far, bytes in all). An exception stops the download, which resumes from there next time."""


OnFound = Callable[[Download], None]
"""Receives the facts of a download before it starts."""


def pull(
    hub_id: str, *, on_bytes: OnBytes = lambda done, total: None, on_found: OnFound = lambda download: None
) -> Path:
    """Download the model or embedder, check that it is complete, and return its folder. Fetches nothing if it is there
    already.

    `on_found` receives size and licence first, `on_bytes` the bytes so far. Raises UsageError for an invalid id,
    ModelMissing if the Hub has no such model or cannot be reached, ModelDamaged if the model has no safetensors weights
    or arrives damaged, and AssistantError if the disk has no room.
    """
    target = pulled_folder(hub_id)
    if target.is_dir():
        _inspect(hub_id, target)
        return target
    draft = models_dir() / ".pulling" / target.name
    with reporting(hub_id, "pull", models_dir()):
        found = _find(hub_id)
        on_found(found.download)
        _fetch_all(found, draft, on_bytes)
    _inspect(hub_id, draft)
    draft.rename(target)
    sync_dir(target.parent)
    return target


def look_up(hub_id: str) -> Download:
    """Ask the Hub for size and licence, without a download. Raises as `pull` does."""
    with reporting(hub_id, "pull", models_dir()):
        return _find(hub_id).download


def _inspect(hub_id: str, folder: Path) -> None:
    if is_embedder(folder):
        inspect_embedder(hub_id, folder)
    else:
        inspect_folder(folder)


class _Found(NamedTuple):
    """A model on the Hub, with the URL and the Hub's metadata of each wanted file, by name."""

    download: Download
    files: Mapping[str, tuple[str, Any]]


def _find(hub_id: str) -> _Found:
    from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

    address = endpoint()
    found = HfApi(endpoint=address).model_info(hub_id)
    names = [file.rfilename for file in found.siblings or ()]
    likes = (*_WANTED, MODULES, *BESIDE_MODULES) if MODULES in names else _WANTED
    wanted = [name for name in names if any(_is_like(name, like) for like in likes)]
    if not any(name.endswith(".safetensors") for name in wanted):
        raise ModelDamaged(f"{hub_id} has no safetensors weights; Parley reads no others, since they can run code")
    urls = {name: hf_hub_url(hub_id, name, revision=str(found.sha), endpoint=address) for name in wanted}
    files = {name: (url, get_hf_file_metadata(url, endpoint=address)) for name, url in urls.items()}
    licences = [tag.removeprefix("license:") for tag in found.tags or () if tag.startswith("license:")]
    size = sum(facts.size or 0 for _, facts in files.values())
    return _Found(Download(hub_id=hub_id, size=size, licence=one_line(" ".join(licences))), files)


def _is_like(name: str, like: str) -> bool:
    """Whether a path on the Hub matches the pattern, folder by folder. fnmatch's star would match slashes, but files in
    other subfolders are other formats of the same weights.
    """
    parts, likes = name.split("/"), like.split("/")
    return len(parts) == len(likes) and all(map(fnmatch.fnmatch, parts, likes))


def _fetch_all(found: _Found, draft: Path, on_bytes: OnBytes) -> None:
    ensure_dir(draft)
    total = found.download.size
    check_room(draft, total - sum(path.stat().st_size for path in draft.rglob("*") if path.is_file()))
    done = 0
    for name, (url, facts) in found.files.items():
        ensure_dir((draft / name).parent)
        if not (draft / name).exists():
            _fetch(name, url, facts, draft, lambda here, before=done: on_bytes(before + here, total))  # type: ignore[misc]
        done += (draft / name).stat().st_size
        on_bytes(done, total)


class _Heard(io.BufferedRandom):
    """A file that reports its length after each write."""

    def __init__(self, path: Path, on_length: Callable[[int], None]) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        super().__init__(io.FileIO(descriptor, "rb+"))
        self._on_length = on_length

    def write(self, chunk: Any) -> int:
        written = super().write(chunk)
        self._on_length(self.tell())
        return written


def _fetch(name: str, url: str, facts: Any, draft: Path, on_length: Callable[[int], None]) -> None:
    """Fetch the rest of one file. The partial file's name contains the content's tag, so that
    versions are never mixed.
    """
    from huggingface_hub import constants, get_hf_file_metadata
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK)
    # The Hub's signed URLs of large files expire after an hour or so, perhaps while earlier files download.
    location = get_hf_file_metadata(url, endpoint=endpoint()).location
    # A private model needs the token; other hosts that the Hub redirects to must not see it.
    is_hub = urlsplit(location).netloc == urlsplit(endpoint() or constants.ENDPOINT).netloc
    tag = str(facts.etag)
    part = draft / f"{name}.{hashlib.sha256(tag.encode()).hexdigest()[:12]}.part"
    with _Heard(part, on_length) as stream:
        stream.seek(0, os.SEEK_END)
        on_length(stream.tell())
        http_get(
            location,
            stream,
            resume_size=stream.tell(),
            headers=build_hf_headers() if is_hub else {},
            expected_size=facts.size,
            displayed_filename=name,
        )
        stream.flush()
        os.fsync(stream.fileno())
        stream.seek(0)
        # The tag of a large file is its SHA-256, that of a small one its git hash.
        if len(tag) == _SHA256_LETTERS and hashlib.file_digest(stream, "sha256").hexdigest() != tag:
            part.unlink()
            raise ModelDamaged(f"{name} was damaged during the download and deleted; pull again")
    part.rename(draft / name)
