"""`assistant backup` and `assistant restore`: write all of the user's data to one file, and restore it."""

from pathlib import Path

from assistant.archive import Manifest
from assistant.backup import check_backup, create_backup, restore_backup
from assistant.cli.output import note, say, say_json


def backup(file: Path, *, json: bool = False) -> None:
    """Write everything of yours to one file: chats, answers, ratings, the document index, settings, tuned models.

    The app may stay open. The file is verified, readable only by you, and not encrypted. It leaves out what can be made
    again: pulled models, conversions, the search index and training runs.

    Examples:

      assistant backup ~/parley-2026-11.zip

      assistant restore ~/parley-2026-11.zip --check

    Parameters
    ----------
    file
        The file to write. It must not exist yet.
    json
        Print one JSON object.
    """
    manifest = create_backup(file)
    if json:
        say_json({"file": str(file), **_facts(manifest)})
    else:
        say(f"{file}: {_sentence(manifest)}, verified")


def restore(file: Path, *, check: bool = False, json: bool = False) -> None:
    """Restore a backup, after verifying all of it: everything or nothing.

    The present files are moved to a folder that the command prints. Models that are not in the backup stay. If a
    restore is interrupted, the next command finishes it.

    Examples:

      assistant restore ~/parley-2026-11.zip

      assistant restore ~/parley-2026-11.zip --check

    Parameters
    ----------
    file
        A file that `assistant backup` wrote.
    check
        Only verify the file; change nothing.
    json
        Print one JSON object.
    """
    if check:
        manifest, kept = check_backup(file), None
    else:
        restored = restore_backup(file)
        manifest, kept = restored.manifest, restored.kept
    if json:
        say_json({"file": str(file), "restored": not check, "kept": str(kept) if kept else None, **_facts(manifest)})
        return
    say(f"{file}: {_sentence(manifest)}, {'sound' if check else 'restored'}")
    if kept:
        note(f"What was there before is in {kept}: delete it when you no longer need it.")


def _facts(manifest: Manifest) -> dict[str, object]:
    return {
        "created": manifest.created,
        "version": manifest.version,
        "bytes": sum(member.size for member in manifest.members),
        "members": [{"name": m.name, "size": m.size, "sha256": m.sha256} for m in manifest.members],
    }


def _sentence(manifest: Manifest) -> str:
    size = sum(member.size for member in manifest.members) / 2**20
    return f"{len(manifest.members)} files, {size:.1f} MiB, of {manifest.created[:16].replace('T', ' ')} UTC"
