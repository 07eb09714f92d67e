"""Plays a whole session in tmux and keeps what stood on the screen: a conversation pasted, four drafts, their ranking,
the pairs exported. The real command in a real terminal, by its keys alone.

python docs/session.py [--model pocket] [--into docs/session.md]
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).parent / "examples" / "standup.txt"
NAME = "parley-session"
COLUMNS, ROWS = 110, 30
WAIT_SECONDS = 120.0
"""How long a step may take on a busy machine."""


class Terminal:
    """One tmux window. `steps` are the captions and screens kept so far."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def type(self, *keys: str) -> None:
        """Press keys by their tmux names, or type a text."""
        for key in keys:
            _tmux("send-keys", "-t", NAME, key)
            time.sleep(0.3)

    def paste(self, path: Path) -> None:
        """A bracketed paste, as a terminal sends it."""
        _tmux("load-buffer", "-b", NAME, str(path))
        _tmux("paste-buffer", "-p", "-d", "-b", NAME, "-t", NAME)

    def screen(self) -> str:
        """What stands on the screen."""
        return _tmux("capture-pane", "-p", "-t", NAME)

    def wait_for(self, text: str, seconds: float = WAIT_SECONDS) -> str:
        """The screen, once the text stands on it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if text in (screen := self.screen()):
                return screen
            time.sleep(0.2)
        raise TimeoutError(f"{text!r} never came:\n{screen}")

    def keep(self, caption: str, text: str) -> None:
        """Wait for the text, and keep the screen under a caption."""
        self.wait_for(text)
        time.sleep(0.5)
        lines = [line.rstrip() for line in self.screen().split("\n")]
        self.steps.append((caption, "\n".join(lines).rstrip()))


@contextmanager
def terminal(home: Path, model: str) -> Iterator[Terminal]:
    """A window of its own with a fresh home, closed at the end whatever happens."""
    settings = {
        "ASSISTANT_HOME": str(home),
        "ASSISTANT_MODEL_REF": model,
        "PS1": "$ ",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "OMP_NUM_THREADS": "1",
    }
    settings["HOME"] = str(home)
    # Drawn with the temperature of 1, a model of 10 M parameters makes little sense.
    settings["ASSISTANT_GENERATION_TEMPERATURE"] = "0.6"
    settings["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    pairs = [f"{name}={value}" for name, value in settings.items()]
    shell = shlex.join(["env", *pairs, "bash", "--norc", "--noprofile"])
    _tmux("new-session", "-d", "-s", NAME, "-x", str(COLUMNS), "-y", str(ROWS), shell)
    try:
        yield Terminal()
    finally:
        _tmux("kill-session", "-t", NAME)


def play(window: Terminal) -> None:
    """The session."""
    window.type(
        f'assistant() {{ {shlex.quote(sys.executable)} -m assistant "$@"; }}; clear', "Enter", "assistant", "Enter"
    )
    window.keep("`assistant` opens. The line at the right says which model answers.", "Paste a conversation and")
    window.wait_for("ctranslate")
    window.type("/drafts 4", "Enter")
    window.wait_for("4 drafts")
    window.paste(EXAMPLE)
    window.keep("A conversation is pasted: folded into one line, and what Enter will do stands below it.", "Enter →")
    window.type("Enter")
    window.keep("Enter. Four drafts, side by side, in an order drawn at random.", "drafts · r ranks them")
    window.type("r")
    window.wait_for("Which is best?")
    window.type("2", "4", "=", "1", "3", "f")
    window.keep("Drafts take the keys: `r` ranks them: 2, 4 with = beside it, 1, and 3 fails.", "failed")
    window.type("Enter")
    window.keep("Enter saves. The foot of the screen counts: one rating, and the pairs that it makes.", "1 rating →")
    window.type("C-q")
    window.wait_for("$ ")
    window.type("clear; cd; assistant feedback export -o pairs.jsonl; head -1 pairs.jsonl | fold -w 100", "Enter")
    window.keep("Back in the shell: the pairs in TRL's format, the first of them in full.", "made none")


TITLE = "# A session, played by keys in tmux"
MADE = "Made by `python docs/session.py` with the bundled model, drawing at temperature 0.6. Nothing here was edited."


def write(steps: list[tuple[str, str]], home: Path, title: str = TITLE, made: str = MADE) -> str:
    """The page: captions and screens, the temporary folder called by another name."""
    parts = [title, made]
    for caption, screen in steps:
        parts.append(f"{caption}\n\n```\n{screen.replace(str(home), '~/parley')}\n```")
    return "\n\n".join(parts) + "\n"


def _tmux(*arguments: str) -> str:
    done = subprocess.run(["tmux", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    """Play it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "session.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with terminal(home, options.model) as window:
            play(window)
        options.into.write_text(write(window.steps, home), encoding="utf-8")
    sys.stdout.write(f"{options.into}\n")


if __name__ == "__main__":
    main()
