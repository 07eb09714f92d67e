"""The time until the screen takes keys and until the first word of a summary, and the latency of keys during loading.

Starts `assistant` in a pseudo-terminal, types, and reads what it draws. Prints a Markdown table.

    python tests/benchmarks/startup.py [--runs 10] [--model pocket]
"""

import fcntl
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.machine import TimingParser

ROWS, COLUMNS = 30, 100
LIMIT_SECONDS = 180.0
"""The longest wait on a busy machine, in seconds."""
KEYS = 30
"""Keys pressed while the model loads."""
PLACEHOLDER = b"Paste a conversation and press Enter"
CONVERSATION = """\
Maya: The review moves to Friday, is that fine for everybody?
Tom: Fine by me. I'll book the room.
Ana: I can send the numbers before noon.
Maya: Great, thank you."""


class Terminal:
    """A program in a pseudo-terminal; `output` is everything it has drawn, in bytes."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.output = b""

    def press(self, keys: bytes) -> float:
        """Type keys, and return the time of it."""
        pressed = time.perf_counter()
        os.write(self._master, keys)
        return pressed

    def wait_for(self, is_there: Callable[[bytes], bool], since: int = 0) -> float:
        """Wait until what was drawn after byte `since` passes the test, and return the time. Raises TimeoutError."""
        deadline = time.perf_counter() + LIMIT_SECONDS
        while not is_there(self.output[since:]):
            if time.perf_counter() > deadline:
                raise TimeoutError(f"not drawn within {LIMIT_SECONDS:.0f} s: {visible(self.output[since:])[-300:]!r}")
            if select.select([self._master], [], [], 0.5)[0]:
                self.output += os.read(self._master, 65_536)
        return time.perf_counter()

    def drain(self) -> None:
        """Read what was drawn, since a program blocks if its terminal is full."""
        while select.select([self._master], [], [], 0)[0]:
            self.output += os.read(self._master, 65_536)

    def hang_up(self) -> int:
        """Close the terminal, and return the program's exit code once it has ended."""
        os.close(self._master)
        self._master = -1
        return self._process.wait(LIMIT_SECONDS)

    def close(self) -> None:
        """Kill the program and everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._master >= 0:
            os.close(self._master)


def measure(command: Sequence[str], model: str) -> dict[str, list[float]]:
    """One run in a new home: seconds to a key's echo and to the first word, and key latencies in seconds."""
    home = tempfile.mkdtemp(prefix="parley-startup-")
    environment = {
        **os.environ,
        "ASSISTANT_HOME": home,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "ASSISTANT_GENERATION_DECODING": "greedy",
        "ASSISTANT_MODEL_REF": model,
    }
    terminal = Terminal(command, environment)
    try:
        # Before the app draws, the pseudo-terminal itself would echo a key.
        terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
        terminal.press(b"#")
        echoed = terminal.wait_for(lambda drawn: b"#" in visible(drawn))
        latencies = list(latency_while_loading(terminal))
        mark = len(terminal.output)
        terminal.press(b"\x7f" * (KEYS + 1))
        terminal.press(b"\x1b[200~" + CONVERSATION.encode() + b"\x1b[201~")
        terminal.wait_for(lambda drawn: b"thank" in visible(drawn), mark)
        mark = len(terminal.output)
        asked = terminal.press(b"\r")
        first_word = terminal.wait_for(lambda drawn: b"writing" in visible(drawn) or b"words" in visible(drawn), mark)
    finally:
        terminal.close()
        shutil.rmtree(home, ignore_errors=True)
    return {
        "process start to a key's echo": [echoed - terminal.started],
        "Enter to the first word": [first_word - asked],
        "process start to the first word": [first_word - terminal.started],
        "a key while the model loads": latencies,
    }


def latency_while_loading(terminal: Terminal) -> list[float]:
    """Press keys, each after the previous one is drawn, and return the seconds of each."""
    found = []
    for number in range(KEYS):
        mark = len(terminal.output)
        key = b"qwxz"[number % 4 : number % 4 + 1]
        pressed = terminal.press(key)
        found.append(terminal.wait_for(lambda drawn, key=key: key in visible(drawn), mark) - pressed)
        time.sleep(0.01)
    return found


def visible(drawn: bytes) -> bytes:
    """What was drawn, without control sequences."""
    text, inside = bytearray(), False
    for byte in drawn:
        if byte == 0x1B:
            inside = True
        elif inside:
            inside = not (0x40 <= byte <= 0x7E and byte != 0x5B)
        else:
            text.append(byte)
    return bytes(text)


def table(runs: Sequence[dict[str, list[float]]]) -> str:
    """Median, 95th percentile and worst of every figure, as a Markdown table."""
    goals = {
        "process start to a key's echo": "< 800",
        "process start to the first word": "< 2,500",
        "a key while the model loads": "95th < 50",
    }
    lines = ["| | n | median ms | 95th ms | worst ms | goal ms |", "|---|---|---|---|---|---|"]
    for name in runs[0]:
        values = sorted(1000 * value for run in runs for value in run[name])
        p95 = values[min(len(values) - 1, int(0.95 * len(values)))]
        lines.append(
            f"| {name} | {len(values)} | {statistics.median(values):,.0f} | {p95:,.0f} | {values[-1]:,.0f} "
            f"| {goals.get(name, '')} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--model", default="pocket", help="a model reference; the default is what a fresh home serves")
    options = parser.parse_args()
    command = [str(Path(sys.executable).with_name("assistant"))]
    measure(command, options.model)  # the first start fills the file cache, as the installation does
    print(table([measure(command, options.model) for _ in range(options.runs)]))


if __name__ == "__main__":
    main()
