"""Many files in one: a zip whose last member lists the others with size and SHA-256."""

import errno
import hashlib
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from assistant.errors import DataMissing, UsageError
from assistant.files import sync_dir
from assistant.locations import ensure_dir

FORMAT = 1
"""Raised when an older Parley could not read what is written."""
_MANIFEST = "manifest.json"
_MOST_MANIFEST = 64 * 2**20
_BLOCK = 1 << 20
_LONGEST_PART, _LONGEST_NAME = 255, 2000
"""Bytes of a name between two slashes, and of all of it: what file systems hold, less room for a folder's own name."""
_PACKED = (".safetensors", ".bin")
"""Weights: they hardly shrink, and packing them takes the longest."""


class Member(msgspec.Struct, frozen=True):
    """One file of an archive: its name, size in bytes, and SHA-256 in hexadecimal digits."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What an archive says of itself."""

    format: int
    product: str
    version: str
    created: str
    members: tuple[Member, ...]


class ArchiveDamaged(UsageError):
    """An archive that is not whole, not ours, or would write where it must not."""


def write_archive(path: Path, files: Mapping[str, Path], *, product: str, version: str, created: str) -> Manifest:
    """Pack the files under their names, read the result back to prove it, and give it its name: whole or not at all.

    Mode 0600. Raises UsageError where there is a file of that name already.
    """
    if path.exists():
        raise UsageError(f"{path} exists: give a new name, Parley does not overwrite files")
    ensure_dir(path.absolute().parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as stream:
            with zipfile.ZipFile(stream, "w", compresslevel=1) as archive:
                members = tuple(_pack(archive, name, file) for name, file in files.items())
                manifest = Manifest(format=FORMAT, product=product, version=version, created=created, members=members)
                archive.writestr(_entry(_MANIFEST), msgspec.json.format(msgspec.json.encode(manifest)))
            stream.flush()
            os.fsync(stream.fileno())
        check_archive(draft, product)
        try:
            os.link(draft, path)  # fails where somebody made a file of that name meanwhile; a rename would replace it
        except FileExistsError as error:
            raise UsageError(f"{path} exists: give a new name, Parley does not overwrite files") from error
        except OSError:  # a file system without links
            draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_dir(path.absolute().parent)
    return manifest


def check_archive(path: Path, product: str) -> Manifest:
    """Read all of the archive and compare it with its manifest. Raises ArchiveDamaged with what is wrong."""
    with _opened(path) as archive:
        manifest = _manifest(archive, path, product)
        for member in manifest.members:
            for _ in _blocks(archive, member, path):
                pass
    return manifest


def extract_archive(path: Path, folder: Path, product: str) -> Manifest:
    """Unpack into an empty folder, verifying as it goes; nothing is ever written outside it. Raises ArchiveDamaged."""
    with _opened(path) as archive:
        manifest = _manifest(archive, path, product)
        for member in manifest.members:
            target = folder.joinpath(*PurePosixPath(member.name).parts)
            ensure_dir(target.parent)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                for block in _blocks(archive, member, path):
                    stream.write(block)
                stream.flush()
                os.fsync(stream.fileno())
    return manifest


def _pack(archive: zipfile.ZipFile, name: str, file: Path) -> Member:
    entry = _entry(name, packed=file.suffix in _PACKED)
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            target.write(block)
    return Member(name=name, size=size, sha256=digest.hexdigest())


def _entry(name: str, *, packed: bool = False) -> zipfile.ZipInfo:
    # ZipInfo's own date, 1980: an earlier one, from a clock that is wrong, is none that a zip can hold.
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    except FileNotFoundError as error:
        raise DataMissing(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder: name a file") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        # RuntimeError: a member under a password; NotImplementedError: a way of packing that is not ours.
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile seeks to where the file says, which may be before its beginning
            raise _damaged(path, error) from error
        raise


_SAFE = "nothing was changed"


def _damaged(path: Path, error: Exception) -> ArchiveDamaged:
    return ArchiveDamaged(f"{path} is damaged or not a backup ({_reason(error)}): use another one; {_SAFE}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _manifest(archive: zipfile.ZipFile, path: Path, product: str) -> Manifest:
    """The manifest, once names and sizes agree with it."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if _MANIFEST not in names:
        raise ArchiveDamaged(f"{path} is not a Parley backup: it has no manifest")
    if archive.getinfo(_MANIFEST).file_size > _MOST_MANIFEST:
        raise ArchiveDamaged(f"{path} is not a Parley backup: its manifest is too long")
    try:
        manifest = msgspec.json.decode(archive.read(_MANIFEST), type=Manifest)
    except (ValueError, RecursionError) as error:
        raise ArchiveDamaged(f"the manifest of {path} cannot be read ({_reason(error)}); {_SAFE}") from error
    if manifest.product != product:
        raise ArchiveDamaged(f"{path} is not a Parley backup: its manifest names another program")
    if manifest.format > FORMAT:
        raise ArchiveDamaged(f"{path} was written by a newer version of Parley ({manifest.version}): install that one")
    if sorted(names) != sorted([_MANIFEST, *(member.name for member in manifest.members)]):
        raise ArchiveDamaged(f"{path} does not match its manifest: use another backup; {_SAFE}")
    for member in manifest.members:
        _check_name(member.name, path)
    if not _fit_together([_MANIFEST, *(member.name for member in manifest.members)]):
        raise ArchiveDamaged(f"{path} contains names that cannot exist together: use another one; {_SAFE}")
    return manifest


def _fit_together(names: Sequence[str]) -> bool:
    """Whether each name is there once, no file is another's folder, and a file system can hold them."""
    known = set(names)
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    longest = max(len(part.encode()) for name in names for part in name.split("/"))
    return (
        len(known) == len(names)
        and not known & folders
        and longest <= _LONGEST_PART
        and max(len(name.encode()) for name in names) <= _LONGEST_NAME
    )


def _check_name(name: str, path: Path) -> None:
    """Refuse a name that could lead out of the folder it is unpacked in."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} or "\\" in part or "\0" in part for part in parts) or ":" in parts[0]:
        raise ArchiveDamaged(f"{path} holds a file named {name!r}, which leads out of its folder: do not trust it")


def _blocks(archive: zipfile.ZipFile, member: Member, path: Path) -> Iterator[bytes]:
    """The member's bytes, never more than the manifest says. Raises ArchiveDamaged at the end where they differ."""
    digest, size = hashlib.sha256(), 0
    stream: IO[bytes]
    with archive.open(member.name) as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            if size > member.size:
                break
            digest.update(block)
            yield block
    if size != member.size or digest.hexdigest() != member.sha256:
        raise ArchiveDamaged(f"{member.name} in {path} differs from what was backed up: use another backup; {_SAFE}")
