"""Archives: whole or refused, and never written outside the folder they are unpacked in."""

import contextlib
import hashlib
import os
import stat
import warnings
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.archive import ArchiveDamaged, Manifest, Member, check_archive, extract_archive, write_archive
from assistant.errors import DataMissing, UsageError


def pack(path: Path, **files: bytes) -> Manifest:
    folder = path.parent / "sources"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    places = {f"part/{name}": folder / name for name in files}
    return write_archive(path, places, product="parley", version="1", created="2026-01-01T00:00:00+00:00")


def forge(path: Path, name: str, content: bytes = b"x", manifest: bytes | None = None) -> Path:
    """An archive whose manifest agrees with a member of any name."""
    member = Member(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    said = Manifest(format=1, product="parley", version="1", created="", members=(member,))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
        archive.writestr("manifest.json", msgspec.json.encode(said) if manifest is None else manifest)
    return path


def test_what_is_packed_comes_out_as_it_was_and_private(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    pack(path, a=b"alpha" * 1000, b=b"")
    extract_archive(path, tmp_path / "out", "parley")

    assert (tmp_path / "out/part/a").read_bytes() == b"alpha" * 1000
    assert (tmp_path / "out/part/b").read_bytes() == b""
    for place in (path, tmp_path / "out/part/a"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_a_file_of_that_name_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    path.write_text("mine")
    with pytest.raises(UsageError, match="Parley does not overwrite files"):
        pack(path, a=b"x")
    assert path.read_text() == "mine"


def test_what_the_disk_did_not_keep_is_seen_before_the_archive_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def forgetful(descriptor: int) -> None:
        os.pwrite(descriptor, b"\0" * 16, 60)  # inside the first member
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", forgetful)
    with pytest.raises(ArchiveDamaged):
        pack(tmp_path / "backup.zip", a=os.urandom(400))
    assert [path.name for path in tmp_path.iterdir()] == ["sources"]


def test_a_file_that_appears_while_the_archive_is_written_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def meanwhile(descriptor: int) -> None:
        (tmp_path / "backup.zip").write_text("somebody else's")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    with pytest.raises(UsageError, match="Parley does not overwrite files"):
        pack(tmp_path / "backup.zip", a=b"x")
    assert (tmp_path / "backup.zip").read_text() == "somebody else's"


@pytest.mark.parametrize(
    "names", [("a", "a/b"), ("a/b", "a"), ("x" * 300,), ("a", "a")], ids=["under", "over", "long", "twice"]
)
def test_names_that_cannot_be_files_beside_each_other_are_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    content = b"x"
    digest = hashlib.sha256(content).hexdigest()
    members = tuple(Member(name=name, size=1, sha256=digest) for name in names)
    said = Manifest(format=1, product="parley", version="1", created="", members=members)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, warnings.catch_warnings(action="ignore"):
        for name in names:
            archive.writestr(name, content)
        archive.writestr("manifest.json", msgspec.json.encode(said))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveDamaged):
        extract_archive(tmp_path / "x.zip", tmp_path / "out", "parley")


NAMES = ["../out", "/etc/passwd", "a/../../b", "a//b", ".", "a/.", "..\\x", "a\\..\\b", "C:/x"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(ArchiveDamaged):
        extract_archive(forge(tmp_path / "evil.zip", name), inner, "parley")
    assert list(inner.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.zip", "inner"]


@settings(max_examples=60, deadline=None)
@given(name=st.text(st.sampled_from("a./\\:~ \x1b"), min_size=1, max_size=12))
def test_no_name_is_ever_written_outside(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    inner = folder / "inner"
    inner.mkdir()
    path = forge(folder / "evil.zip", name)
    before = set(folder.iterdir())
    with contextlib.suppress(ArchiveDamaged, OSError):
        extract_archive(path, inner, "parley")
    assert set(folder.iterdir()) == before


def test_every_changed_byte_of_a_member_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    pack(path, a=os.urandom(400))
    sound = path.read_bytes()
    for place in range(0, len(sound), 7):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])
        try:
            found = check_archive(path, "parley")
        except UsageError:
            continue
        # A byte that no reader looks at (a date, the mode): what comes out is the same.
        assert found.members[0].size == 400


def test_other_content_of_the_same_length_is_seen_by_its_hash(tmp_path: Path) -> None:
    # The zip's own checksum is right: whoever changed the member wrote it anew, and left the manifest as it was.
    said = Manifest(
        format=1,
        product="parley",
        version="1",
        created="",
        members=(Member(name="a", size=4, sha256=hashlib.sha256(b"good").hexdigest()),),
    )
    path = forge(tmp_path / "x.zip", "a", b"evil", msgspec.json.encode(said))
    with pytest.raises(ArchiveDamaged, match="differs from what was backed up"):
        check_archive(path, "parley")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_half_an_archive_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    pack(path, a=b"alpha" * 1000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ArchiveDamaged, match="nothing was changed"):
        check_archive(path, "parley")


def test_a_member_longer_than_said_is_cut_off_at_what_was_said(tmp_path: Path) -> None:
    said = Manifest(
        format=1, product="parley", version="1", created="", members=(Member(name="a", size=10, sha256="0"),)
    )
    path = forge(tmp_path / "bomb.zip", "a", b"0" * 50_000_000, msgspec.json.encode(said))
    with pytest.raises(ArchiveDamaged, match="differs from what was backed up"):
        extract_archive(path, tmp_path / "out", "parley")
    assert (tmp_path / "out/a").stat().st_size <= 2**20


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (b"{", "cannot be read"),
        (b'{"format":9,"product":"parley","version":"9.0","created":"","members":[]}', "newer version"),
        (b'{"format":1,"product":"other","version":"1","created":"","members":[]}', "another program"),
        (b'{"format":1,"product":"parley","version":"1","created":"","members":[]}', "does not match its manifest"),
    ],
    ids=["broken", "newer", "foreign", "unlisted"],
)
def test_a_manifest_that_does_not_fit_is_refused_with_the_reason(
    manifest: bytes, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveDamaged, match=complaint):
        check_archive(forge(tmp_path / "x.zip", "a", manifest=manifest), "parley")


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="no file"):
        check_archive(tmp_path / "none.zip", "parley")
    with pytest.raises(UsageError, match="folder"):
        check_archive(tmp_path, "parley")


def test_a_clock_from_before_zips_makes_a_backup_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)  # 1970
    assert len(pack(tmp_path / "old.zip", a=b"x").members) == 1
