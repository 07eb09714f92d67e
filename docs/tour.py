"""Plays the whole loop in tmux and keeps what stood on the screen: a conversation pasted, drafts ranked by hand, a
colleague's rankings imported, the training screen from start to verdict, the new model's answer, and the blind
comparison with the previous one. The real commands in a real terminal, by keys alone.

python docs/tour.py --data dialogsum_dev.jsonl.gz [--model auto] [--rated 100] [--into docs/tour.md]

The conversations of --data are rated by a rule in place of the colleague (how many of the two speakers are named, from
tests/benchmarks/simulated_rater.py); the page shows none of them.
"""

import argparse
import gzip
import json
import random
import shlex
import sys
import tempfile
import time
from pathlib import Path

import session
from session import Terminal, terminal

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.benchmarks.simulated_rater import names_both, ranked

EXAMPLES = Path(__file__).parent / "examples"
LONG = 3600.0
"""Seconds that a training may take on a busy machine."""


def prepare(home: Path, data: Path, count: int) -> None:
    """The colleague's conversations, and what the colleague does with the drafts."""
    opener = gzip.open if data.suffix == ".gz" else open
    with opener(data, "rt", encoding="utf-8") as stream:
        rows = [row for row in map(json.loads, stream) if len(row["dialogue"].split()) < 150]
    random.Random(1).shuffle(rows)
    lines = [json.dumps({"id": n, "dialogue": row["dialogue"]}) for n, row in enumerate(rows[:count])]
    (home / "talks.jsonl").write_text("\n".join(lines) + "\n")


def rank_all(drafts: Path, talks: Path, into: Path) -> None:
    """The colleague's rankings of all drafts."""
    texts = [json.loads(line)["drafts"] for line in drafts.read_text().splitlines()]
    asked = [json.loads(line) for line in talks.read_text().splitlines()]
    lines = [json.dumps(ranked(row, some, names_both)) for row, some in zip(asked, texts, strict=True)]
    into.write_text("\n".join(lines) + "\n")


def rate(window: Terminal, home: Path) -> None:
    """One conversation by hand, many by the colleague."""
    command = f'assistant() {{ {shlex.quote(sys.executable)} -m assistant "$@"; }}; cd; clear'
    window.type(command, "Enter", "assistant", "Enter")
    window.wait_for("ctranslate")
    window.type("/drafts 4", "Enter")
    window.wait_for("4 drafts")
    window.paste(EXAMPLES / "standup.txt")
    window.wait_for("Enter →")
    window.type("Enter")
    window.keep("A conversation is pasted, and Enter sends it: four drafts.", "drafts · r ranks them")
    window.type("r")
    window.wait_for("Which is best?")
    window.type("3", "1", "=", "2", "4")
    window.keep("`r` ranks them by digits; `=` ties.", "3rd")
    window.type("Enter")
    window.wait_for("1 rating →")
    window.type("C-q")
    window.wait_for("$")
    draw = "assistant summarize --jsonl talks.jsonl -o drafts.jsonl --drafts 4 --decoding sample --temperature 1"
    window.type(f'clear; {draw}; echo all"" done', "Enter")
    window.wait_for("all done", LONG)
    rank_all(home / "drafts.jsonl", home / "talks.jsonl", home / "ranks.jsonl")
    window.type("clear; assistant feedback import ranks.jsonl; assistant feedback stats", "Enter")
    window.keep("A colleague ranked drafts of other conversations. `assistant feedback import` takes them in.", "pairs")


def teach(window: Terminal) -> None:
    """F4, from start to verdict."""
    window.type("clear; assistant", "Enter")
    window.wait_for("ctranslate")
    window.type("F4")
    window.keep("F4, the training screen: what there is to learn from. `s` starts.", "s Start")
    window.type("s")
    window.wait_for("● reward", LONG)
    window.keep("The reward is learnt and proved on conversations that it never saw; PPO works.", "● reward")
    window.wait_for("judge ", LONG)
    window.wait_for("20/", LONG)
    window.keep("Curves as it goes: the judge's score of held-out answers, KL, the reward by part.", "20/")
    window.wait_for("● PPO", LONG)
    window.keep("The policy that the judge liked best becomes a version; the gate asks both models.", "● PPO")
    verdict = window.wait_for("passed", LONG)
    if "not passed" not in verdict:
        window.keep(
            "The gate: every check with its interval. It passed, and the version answers in the open chat.", "gate"
        )
        return
    window.keep("The gate: every check with its interval. It did not pass, so the old model stays.", "gate")
    window.type("p")
    window.keep("`p` does not promote what did not pass, and says who can.", "insists")
    window.type("Escape", "C-q")
    window.wait_for("$")
    window.type("clear; assistant models use v1", "Enter")
    window.keep("Who wants the version all the same says so in the shell.", "v1")
    window.type("clear; assistant", "Enter")
    window.wait_for("ctranslate")


def use(window: Terminal) -> None:
    """The new model in the chat, and the blind comparison."""
    window.type("Escape")
    for name in ("refund.txt", "whatsapp.txt"):
        window.type("C-n")
        window.paste(EXAMPLES / name)
        window.wait_for("Enter →")
        window.type("Enter")
        window.wait_for("· v1 ·")
    window.keep("The new model answers in the same chat.", "v1")
    window.type("F4", "c")
    while not any(text in window.screen() for text in ("Which is better", "all sittings")):
        time.sleep(0.2)
    # Where both wrote the same each time, there is nothing to ask.
    if "Which is better" in window.screen():
        window.keep(
            "`c` compares with the previous model, blind: two answers, an order drawn at random.", "Which is better"
        )
    while "all sittings" not in window.screen():
        window.type("1")
    window.keep("At the end it says which was which.", "all sittings")
    window.type("Escape", "Escape", "C-q")
    window.wait_for("$")
    window.type("clear; assistant models why current", "Enter")
    window.keep("Back in the shell: why this model answers.", "answers now")
    window.type("clear; time assistant models rollback", "Enter")
    window.keep("And back to the model before, at once.", "real")


def main() -> None:
    """Play it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rated", type=int, default=170)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "tour.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        prepare(home, options.data, options.rated)
        with terminal(home, options.model) as window:
            rate(window, home)
            teach(window)
            use(window)
        title = "# The whole loop, played by keys in tmux"
        made = "Made by `python docs/tour.py`; nothing here was edited."
        options.into.write_text(session.write(window.steps, home, title, made), encoding="utf-8")
    sys.stdout.write(f"{options.into}\n")


if __name__ == "__main__":
    main()
