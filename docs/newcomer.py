"""Plays a newcomer's first minutes in tmux and records the screens as an asciicast: a pasted conversation, its digest,
a point in its message, a question to a document with its source, a rating.

    python docs/newcomer.py [--into docs/newcomer.cast]

It types into the real app in a real terminal. Play the recording with `asciinema play docs/newcomer.cast`.
"""

import argparse
import json
import re
import shutil
import sys
import threading
import time
from pathlib import Path

from tour import ROOT, SESSION, STANDUP, Terminal, terminal, tmux

HOME = Path("/tmp/parley")
"""Shown on the screen, so it names no user and no machine."""
COLUMNS, ROWS = 100, 30
PAUSE = 3.0
"""Longest wait in the recording, in seconds."""
INTERVAL = 0.1
"""Seconds between two looks at the screen."""
HIDDEN = "\x1b[?25l"
"""Hides the player's own cursor: the app draws one."""
_STYLE = re.compile(r"(\x1b\[([\d;]*)m)")


class Recorder(threading.Thread):
    """Looks at the window until told to stop. `events` are [seconds, "o", text] as in an asciicast; a text draws anew
    the lines that changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[float, str, str]] = []
        self._is_over = threading.Event()

    def run(self) -> None:
        shown, last, now = [""] * ROWS, time.monotonic(), 0.0
        while not self._is_over.wait(INTERVAL):
            lines = styled(tmux("capture-pane", "-e", "-N", "-p", "-t", SESSION).split("\n")[:ROWS])
            changed = [number for number, line in enumerate(lines) if line != shown[number]]
            if changed:
                moment = time.monotonic()
                now, last = now + min(moment - last, PAUSE), moment
                drawn = "".join(f"\x1b[{number + 1}H\x1b[m{lines[number]}\x1b[m\x1b[K" for number in changed)
                self.events.append((round(now, 2), "o", drawn))
                shown = lines

    def stop(self) -> None:
        """End the recording."""
        self._is_over.set()
        self.join()


def styled(lines: list[str]) -> list[str]:
    """The lines, each with the style that it begins in: tmux goes on with that of the line above."""
    found: list[str] = []
    style: dict[str, str] = {}
    for line in lines:
        found.append("".join(style.values()) + line)
        for sequence, code in _STYLE.findall(line):
            if code in ("", "0"):
                style.clear()
            else:
                # 38;5;188 and 39 are text colours, 48;5;233 and 49 those behind it, the rest is bold and the like.
                style[code[0] if len(code) > 1 else code] = sequence
    return found


def write(window: Terminal, text: str) -> None:
    """Type as a person would."""
    for letter in text:
        window.send(letter)
        time.sleep(0.06)


def step(window: Terminal, *keys: str, until: str, look: float = 1.0) -> None:
    """Press keys, wait for a text, and leave time to read."""
    window.type(*keys)
    window.wait_for(until)
    time.sleep(look)


def play(window: Terminal) -> None:
    """What the newcomer does."""
    time.sleep(1)
    write(window, "assistant")
    step(window, "Enter", until="ctranslate", look=3)
    window.paste(STANDUP)
    window.wait_for("Enter →")
    time.sleep(1.5)
    step(window, "Enter", until="words · digest", look=3.5)
    step(window, "BTab", until="e evidence", look=1.5)
    step(window, "Down", "Down", until="Enter message", look=1.5)
    step(window, "Enter", until="other messages", look=3.5)
    step(window, "Escape", until="e evidence")
    step(window, "+", until="+ Leila", look=2)
    step(window, "Escape", until="Enter Send")
    step(window, "F8", until="Your documents")
    write(window, "~/handbook.md")
    step(window, "Enter", until="1 file · 3 passages", look=2)
    step(window, "Escape", until="Enter Send")
    write(window, "/ask How long is the notice period?")
    step(window, "Enter", until="quoted from your documents", look=3)
    step(window, "BTab", until="s sources")
    step(window, "s", "Enter", until="Esc close", look=3)
    step(window, "Escape", "BTab", until="s sources")
    step(window, "+", until="▲ good", look=2.5)
    step(window, "C-q", until="$")


def record() -> str:
    """Play in a window of its own; returns the asciicast."""
    with terminal(HOME, COLUMNS, ROWS) as window:
        window.type("clear", "Enter")
        recorder = Recorder()
        recorder.start()
        try:
            play(window)
        finally:
            recorder.stop()
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "Parley: the first minutes"}
    events = [(0.0, "o", HIDDEN), *recorder.events]
    return "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in (head, *events))


def main() -> None:
    """Record it into a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "newcomer.cast")
    options = parser.parse_args()
    HOME.mkdir()
    try:
        shutil.copy(ROOT / "docs" / "examples" / "handbook.md", HOME)
        options.into.write_text(record(), encoding="utf-8")
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    sys.stdout.write(f"{options.into}\n")


if __name__ == "__main__":
    main()
