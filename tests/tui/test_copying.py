"""What is copied goes to the terminal, which hands it on over ssh too."""

import base64
import os
import sys
from pathlib import Path

from tests.benchmarks.startup import PLACEHOLDER, Terminal, visible


def test_copied_text_is_written_to_the_terminal_as_osc_52(home: Path) -> None:
    terminal = Terminal([sys.executable, "-m", "assistant"], {**os.environ, "TERM": "xterm-256color"})
    try:
        terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
        terminal.press("höre".encode())
        terminal.wait_for(lambda drawn: "höre".encode() in visible(drawn))
        terminal.press(b"\x1b[1;2H\x03")  # Shift+Home, Ctrl+C
        written = b"\x1b]52;c;" + base64.b64encode("höre".encode()) + b"\a"
        terminal.wait_for(lambda drawn: written in drawn)
    finally:
        terminal.close()
