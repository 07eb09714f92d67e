"""How fast the screen is with a long chat, and how fast it draws keys, idle and while an answer is written.

Opens stored chats of 20 and 2,000 messages and scrolls through what is mounted. Then types into the app in a
pseudo-terminal, before and while a real model writes. Prints Markdown tables.

    python tests/benchmarks/screen.py [--runs 5] [--model pocket]
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from assistant.feedback.store import Store
from assistant.settings import Settings
from assistant.tui.app import AssistantApp
from assistant.tui.widgets.transcript.source import SourceView
from assistant.tui.widgets.transcript.transcript import Transcript
from tests.benchmarks.machine import TimingParser
from tests.benchmarks.startup import CONVERSATION, PLACEHOLDER, Terminal, visible

LENGTHS = (20, 2_000)
PAGES = 20
KEYS = 40


def keep_chat(length: int) -> None:
    """Store a chat of this many messages in a new home."""
    with Store.open() as store, store.database.writing():
        chat = store.chats.new(f"{length} messages")
        for number in range(length):
            store.chats.add_message(chat.id, "conversation", f"Maya: Message {number}.\nTom: I see.\nMaya: And so on.")


async def open_and_scroll() -> tuple[float, float, float, float]:
    """Wall and CPU seconds until the newest message is shown, and for scrolling a page."""
    app = AssistantApp(Settings(), continue_last=True)
    app.load_model = lambda ref=None: None  # type: ignore[method-assign]  # only the screen is measured
    start, start_cpu = time.perf_counter(), time.process_time()
    async with app.run_test(size=(100, 30)) as pilot:
        while not app.screen.query(SourceView):
            await asyncio.sleep(0.002)
        await pilot.pause()
        opened, opened_cpu = time.perf_counter() - start, time.process_time() - start_cpu
        transcript = app.screen.query_one(Transcript)
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(PAGES):
            transcript.scroll_page_up(animate=False)
            await asyncio.sleep(0)
            transcript.refresh(layout=True)
            await pilot._wait_for_screen()
        page, page_cpu = (time.perf_counter() - start) / PAGES, (time.process_time() - start_cpu) / PAGES
        return opened, opened_cpu, page, page_cpu


def long_chats(runs: int) -> str:
    """The table of lengths. They take turns, so that a busy moment affects both."""
    found: dict[int, list[tuple[float, ...]]] = {length: [] for length in LENGTHS}
    for _ in range(runs):
        for length in LENGTHS:
            with tempfile.TemporaryDirectory() as home:
                os.environ["ASSISTANT_HOME"] = home
                keep_chat(length)
                found[length].append(asyncio.run(open_and_scroll()))
    lines = [
        "| messages | n | start to newest message, median ms | of CPU | a page of scrolling, median ms | of CPU |",
        "|---|---|---|---|---|---|",
    ]
    for length, times in found.items():
        opened, opened_cpu, page, page_cpu = (statistics.median(values) * 1000 for values in zip(*times, strict=True))
        lines.append(f"| {length:,} | {runs} | {opened:,.0f} | {opened_cpu:,.0f} | {page:,.1f} | {page_cpu:,.1f} |")
    return "\n".join(lines)


def key_latencies(model: str, runs: int) -> dict[str, list[float]]:
    """Seconds from a key to its drawing, idle and while a long answer is written."""
    found: dict[str, list[float]] = {"a key while nothing happens": [], "a key while an answer is written": []}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "ASSISTANT_HOME": home,
                "TERM": "xterm-256color",
                "ASSISTANT_MODEL_REF": model,
                "ASSISTANT_SUMMARY_TASK": "summary",  # no model writes the digest
                "ASSISTANT_GENERATION_DECODING": "sample",
                "ASSISTANT_GENERATION_FAITHFUL": "off",
                "ASSISTANT_GENERATION_MIN_NEW_TOKENS": "20000",
                "ASSISTANT_GENERATION_MAX_NEW_TOKENS": "20000",
            }
            terminal = Terminal([sys.executable, "-m", "assistant"], environment)
            try:
                for times, more in zip(found.values(), keys_in(terminal), strict=True):
                    times += more
            finally:
                terminal.close()
    return found


def keys_in(terminal: Terminal) -> tuple[list[float], list[float]]:
    """Press keys once the model is loaded; then ask, wait for the first word, and press keys again."""
    terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn) and b"ctranslate" in visible(drawn))
    idle = press_keys(terminal)
    mark = len(terminal.output)
    terminal.press(b"\x7f" * KEYS)
    terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn), mark)
    terminal.press(b"\x1b[200~" + CONVERSATION.encode() + b"\x1b[201~")
    terminal.wait_for(lambda drawn: b"thank" in visible(drawn))
    terminal.press(b"\r")
    terminal.wait_for(lambda drawn: b"writing" in visible(drawn))
    return idle, press_keys(terminal)


def press_keys(terminal: Terminal) -> list[float]:
    """Press keys, each after the previous one is drawn, and return the seconds of each."""
    times = []
    for number in range(KEYS):
        # Accented letters, which neither an English answer nor the screen contains.
        key = "äöüñ"[number % 4].encode()
        mark = len(terminal.output)
        pressed = terminal.press(key)
        times.append(terminal.wait_for(lambda drawn, key=key: key in visible(drawn), mark) - pressed)
        time.sleep(0.02)
    return times


def percentiles(name: str, values: Sequence[float]) -> str:
    """Median and 95th percentile as a row."""
    ordered = sorted(1000 * value for value in values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    median = statistics.median(ordered)
    return f"| {name} | {len(ordered)} | {median:,.0f} | {p95:,.0f} | 95th < 50 |"


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="pocket")
    options = parser.parse_args()
    print(long_chats(options.runs))
    print("\n| | n | median ms | 95th ms | goal ms |\n|---|---|---|---|---|")
    for name, values in key_latencies(options.model, options.runs).items():
        print(percentiles(name, values))
    print(f"\nload of the last minute: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
