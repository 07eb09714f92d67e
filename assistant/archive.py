"""Archives: zip files whose last member lists the others with size and SHA-256."""

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
"""Increased when older versions of Parley could no longer read the archive."""
_MANIFEST = "manifest.json"
_MOST_MANIFEST = 64 * 2**20
_BLOCK = 1 << 20
_LONGEST_PART, _LONGEST_NAME = 255, 2000
"""The maximum bytes of a name's part between slashes, and of the whole name: the limits of file systems, less room for
the folder.
"""
_PACKED = (".safetensors", ".bin")
"""Suffixes of weights, which are stored uncompressed: they hardly shrink and take longest."""


class Member(msgspec.Struct, frozen=True):
    """A file of an archive: its name, size in bytes, and SHA-256 as hexadecimal digits."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The manifest of an archive."""

    format: int
    product: str
    version: str
    created: str
    members: tuple[Member, ...]


class ArchiveDamaged(UsageError):
    """The archive is incomplete, not Parley's, or would write outside its folder."""


def write_archive(path: Path, files: Mapping[str, Path], *, product: str, version: str, created: str) -> Manifest:
    """Pack the files under their names, verify the result by reading it back, and move it into place; atomic.

    The mode is 0600. Raises UsageError if a file of that name exists.
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
            os.link(draft, path)  # fails if the file was created meanwhile; a rename would replace it
        except FileExistsError as error:
            raise UsageError(f"{path} exists: give a new name, Parley does not overwrite files") from error
        except OSError:  # a file system without hard links
            draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_dir(path.absolute().parent)
    return manifest


def check_archive(path: Path, product: str) -> Manifest:
    """Read the whole archive and compare it with its manifest. Raises ArchiveDamaged with the problem."""
    with _opened(path) as archive:
        manifest = _manifest(archive, path, product)
        for member in manifest.members:
            for _ in _blocks(archive, member, path):
                pass
    return manifest


def extract_archive(path: Path, folder: Path, product: str) -> Manifest:
    """Unpack into an empty folder, verifying each file; never writes outside it. Raises ArchiveDamaged."""
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
    # ZipInfo's default date, 1980: zip cannot store an earlier one from a wrong clock.
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
        # RuntimeError: a member with a password; NotImplementedError: an unsupported compression.
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # zipfile seeks to an offset from the file, which may be negative
            raise _damaged(path, error) from error
        raise


_SAFE = "nothing was changed"


def _damaged(path: Path, error: Exception) -> ArchiveDamaged:
    return ArchiveDamaged(f"{path} is damaged or not a backup ({_reason(error)}): use another one; {_SAFE}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _manifest(archive: zipfile.ZipFile, path: Path, product: str) -> Manifest:
    """Return the manifest, after checking it against names and sizes."""
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
    """Whether the names are unique, no file is another's folder, and a file system can hold them."""
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
    """Refuse a name that could escape the folder it is unpacked in."""
    parts = name.split("/")
    if any(part in {"", ".", ".."} or "\\" in part or "\0" in part for part in parts) or ":" in parts[0]:
        raise ArchiveDamaged(f"{path} holds a file named {name!r}, which leads out of its folder: do not trust it")


def _blocks(archive: zipfile.ZipFile, member: Member, path: Path) -> Iterator[bytes]:
    """Yield the member's bytes, never more than the manifest says. Raises ArchiveDamaged at the end if they differ."""
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
