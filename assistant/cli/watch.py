"""`assistant watch FOLDER`: write a digest of every transcript that appears in a folder."""

import sys
from pathlib import Path

from assistant.cli.output import note, say, say_json
from assistant.conversation import Assistant
from assistant.feedback.store import Store
from assistant.records import Ask
from assistant.settings import load_settings
from assistant.terminal import one_line
from assistant.watching import DIGESTS, watch_folder


def watch(folder: Path, *, words: int | None = None, once: bool = False, json: bool = False) -> int:
    """Write a digest of each transcript in a folder to FOLDER/digests, now and as files appear, until Ctrl+C.

    Each digest is a Markdown file, and a chat in the app. A transcript that changes is digested again. You can stop and
    restart the command. Without a terminal and without --once it prints only problems.

    Examples:

      assistant watch ~/transcripts

      assistant watch ~/transcripts --once --words 60

    Parameters
    ----------
    folder
        The folder with the transcripts. Folders inside it are not read.
    words
        Words in each digest.
    once
        Stop when all files are done, for cron. Exit with 1 if a file could not be read.
    json
        Print one JSON object for each file.
    """
    from assistant.cli.summaries.summarize import check_ask

    ask = Ask(words=words)
    check_ask(ask)
    is_watched = sys.stdout.isatty()
    failed = False
    settings = load_settings()
    with Store.open() as store, Assistant(settings, store=store, on_notice=note) as assistant:
        if is_watched and not once:
            note(f"Watching {folder} · digests go to {folder / DIGESTS} · Ctrl+C ends it")
        for one in watch_folder(folder.expanduser(), assistant, ask, once=once):
            failed = failed or bool(one.problem)
            if json:
                digest = str(one.digest) if one.digest else None
                say_json({"file": str(one.file), "digest": digest, "error": one.problem})
            elif one.problem:
                note(f"{one_line(one.file.name)}: {one_line(one.problem)}")
            elif is_watched or once:
                say(f"{one_line(one.file.name)} → {one.digest}")
    return 1 if once and failed else 0
