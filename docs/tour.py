"""Plays the whole loop in tmux and writes the screens to a page: drafts of a conversation are ranked by hand, a
colleague's rankings are imported, a model learns from them, and the gate decides whether it answers.

    python docs/tour.py --data dialogsum_dev.jsonl.gz [--rated 170] [--into docs/tour.md]

It types the real commands into a real terminal. The rankings of the conversations in --data follow a rule (how many of
the two speakers a draft names, from tests/benchmarks/simulated_rater.py); the page shows none of those conversations.
"""

import argparse
import gzip
import json
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.benchmarks.simulated_rater import names_both, ranked

ROOT = Path(__file__).parents[1]
STANDUP = ROOT / "docs" / "examples" / "standup.txt"
SESSION = "parley-tour"
COLUMNS, ROWS = 100, 40
SHORT, LONG = 300.0, 7200.0
"""Seconds that a step, and a training run, may take on a busy machine."""
HEAD = """\
# Tour: from ratings to a better model

This page follows one pass through the loop with the bundled model: rate drafts, train on the ratings, and let the gate
decide. [How RLHF works here](rlhf.md) explains each stage, and [the guide](guide.md#use-the-app)
lists the keys.

`docs/tour.py` played it in a terminal and recorded the screens. Only runs of empty lines are cut. The bundled model is
tiny, so its summaries make little sense; any other model goes through the same steps.
"""


class Terminal:
    """One tmux window on a server of its own. `steps` are the captions and screens kept so far."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []

    def type(self, *keys: str) -> None:
        """Press keys by their tmux names, or type a text."""
        for key in keys:
            self.send(key)
            time.sleep(0.3)

    def send(self, key: str) -> None:
        """Press one key at once."""
        tmux("send-keys", "-t", SESSION, key)

    def paste(self, path: Path) -> None:
        """Send the file as a bracketed paste."""
        tmux("load-buffer", "-b", SESSION, str(path))
        tmux("paste-buffer", "-p", "-d", "-b", SESSION, "-t", SESSION)

    def screen(self) -> str:
        """What the window shows, after an empty line."""
        return "\n" + tmux("capture-pane", "-p", "-t", SESSION)

    def wait_for(self, *texts: str, seconds: float = SHORT) -> str:
        """Wait until one of the texts is on the screen, and return that text. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if found := next((text for text in texts if text in screen), None):
                return found
            time.sleep(0.2)
        raise TimeoutError(f"{texts} never came:\n{screen}")

    def keep(self, caption: str, text: str, seconds: float = SHORT) -> None:
        """Wait for the text, and keep the screen under a caption."""
        self.wait_for(text, seconds=seconds)
        time.sleep(0.5)
        self.steps.append((caption, self.screen()))

    def run(self, command: str, caption: str, text: str) -> None:
        """Clear the window, run a shell command, and keep what it printed."""
        self.type(f"clear; {command}", "Enter")
        self.keep(caption, text)

    def open_app(self) -> None:
        """Start the app in the shell and wait for the model."""
        self.type("clear; assistant", "Enter")
        self.wait_for("ctranslate")

    def close_app(self) -> None:
        """Quit, and wait for the shell."""
        self.type("C-q")
        self.wait_for("\n$\n")


def tmux(*arguments: str) -> str:
    """Run a tmux command on the tour's own server."""
    done = subprocess.run(["tmux", "-L", SESSION, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def terminal(home: Path, columns: int = COLUMNS, rows: int = ROWS) -> Iterator[Terminal]:
    """A window with a fresh home, closed at the end."""
    settings = {
        "HOME": home,
        "ASSISTANT_HOME": home,
        "PS1": "$ ",
        "PYTHONPATH": ROOT,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "COLORTERM": "truecolor",
    }
    pairs = [f"{name}={value}" for name, value in settings.items()]
    shell = shlex.join(["env", *pairs, "bash", "--norc", "--noprofile"])
    tmux("new-session", "-d", "-s", SESSION, "-x", str(columns), "-y", str(rows), shell)
    try:
        window = Terminal()
        window.type(f'assistant() {{ {shlex.quote(sys.executable)} -m assistant "$@"; }}; cd', "Enter")
        yield window
    finally:
        tmux("kill-server")


def write_talks(home: Path, data: Path, count: int) -> None:
    """The conversations that the colleague ranks, as a batch."""
    opener = gzip.open if data.suffix == ".gz" else open
    with opener(data, "rt", encoding="utf-8") as stream:
        rows = [row for row in map(json.loads, stream) if len(row["dialogue"].split()) < 150]
    random.Random(1).shuffle(rows)
    lines = [json.dumps({"id": n, "dialogue": row["dialogue"]}) for n, row in enumerate(rows[:count])]
    (home / "talks.jsonl").write_text("\n".join(lines) + "\n")


def write_rankings(home: Path) -> None:
    """The colleague's ranking of the drafts of each conversation."""
    drafts = [json.loads(line)["drafts"] for line in (home / "drafts.jsonl").read_text().splitlines()]
    talks = [json.loads(line) for line in (home / "talks.jsonl").read_text().splitlines()]
    lines = [json.dumps(ranked(talk, texts, names_both)) for talk, texts in zip(talks, drafts, strict=True)]
    (home / "rankings.jsonl").write_text("\n".join(lines) + "\n")


def rate(window: Terminal, home: Path) -> None:
    """Rank one conversation's drafts by hand, and import the colleague's rankings."""
    window.open_app()
    window.type("/drafts 4", "Enter")
    window.wait_for("4 drafts")
    window.paste(STANDUP)
    window.wait_for("Enter →")
    window.type("Enter")
    window.keep(
        "## 1. Rank drafts\n\nType `/drafts 4`, paste a conversation and press Enter. The model writes four summaries.",
        "then r ranks them",
    )
    window.type("BTab", "r")
    window.wait_for("Which is best?")
    window.type("3", "1", "=", "2", "4")
    window.keep(
        "Shift+Tab selects the answer and `r` ranks its drafts. Press the number of each draft, best first; `=` ties a "
        "draft with the one before. Letters add reasons, and Enter saves.",
        "3rd",
    )
    window.type("Enter")
    window.wait_for("1 rating →")
    window.close_app()
    draw = "assistant summarize --jsonl talks.jsonl -o drafts.jsonl --task summary --drafts 4 --decoding sample"
    window.type(f'clear; {draw} --temperature 1; echo all"" done', "Enter")
    window.wait_for("all done", seconds=LONG)
    write_rankings(home)
    window.run(
        "assistant feedback import rankings.jsonl; assistant feedback stats",
        "One ranking is too little to learn from. A colleague has ranked drafts of other conversations: import them.",
        "longer one chosen",
    )


def teach(window: Terminal) -> bool:
    """Train on the screen that F4 opens; whether the gate was passed."""
    window.open_app()
    window.type("F4")
    window.wait_for("s Start")
    window.type("s")
    window.keep(
        "## 2. Train\n\nOpen the app, press F4 and then `s`. Parley trains a reward model on the pairs, and PPO trains "
        "a copy of the model against it. The curves show the judge's score of held-out answers, the KL divergence from "
        "the first model, and the reward with its parts.",
        " 20/",
        seconds=LONG,
    )
    verdict = window.wait_for("gate passed", "gate not passed", seconds=LONG)
    passed = verdict == "gate passed"
    outcome = (
        "This candidate passed, so it answers from now on."
        if passed
        else "This candidate did not pass, so the old model goes on answering."
    )
    window.keep(
        "## 3. The gate\n\nThe gate compares the candidate with the model in use. Each check has its value, its 95 % "
        f"interval and its condition. {outcome}",
        verdict,
    )
    window.type("Escape")
    window.wait_for("for commands")
    window.close_app()
    return passed


def use(window: Terminal, passed: bool) -> None:
    """The way back, or to a candidate that did not pass."""
    heading = (
        "## 4. Use it, or go back\n\n`assistant models why current` prints these figures again, with the ratings that "
        "shaped the model."
    )
    if passed:
        caption = f"{heading} `models rollback` goes back to the model before."
        window.run("assistant models rollback", caption, "answer")
    else:
        caption = f"{heading} You can use a candidate that did not pass. The command says that it did not."
        window.run("assistant models use v1", caption, "v1")


def write_page(steps: list[tuple[str, str]], home: Path) -> str:
    """The page: captions and screens, runs of empty lines cut, the temporary folder shown as ~."""
    parts = [fill(HEAD)]
    for caption, screen in steps:
        lines = "\n".join(line.rstrip() for line in screen.replace(str(home), "~").splitlines()).strip("\n")
        shown = re.sub(r"\n{3,}", "\n\n", lines)
        parts.append(f"{fill(caption)}\n\n```\n{shown}\n```")
    return "\n\n".join(parts) + "\n"


def fill(text: str) -> str:
    """Paragraphs wrapped at 100 columns."""
    return "\n\n".join(textwrap.fill(part, 100, break_long_words=False) for part in text.strip().split("\n\n"))


def main() -> None:
    """Play it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rated", type=int, default=170)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "tour.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        write_talks(home, options.data, options.rated)
        with terminal(home) as window:
            rate(window, home)
            use(window, teach(window))
        options.into.write_text(write_page(window.steps, home), encoding="utf-8")
    sys.stdout.write(f"{options.into}\n")


if __name__ == "__main__":
    main()
