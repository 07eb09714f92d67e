"""The app killed with SIGKILL while typing, in the middle of an answer and of a ranking: what is there at the next
start, in the store and on the screen.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.feedback.store import Store
from assistant.terminal import printable
from tests.benchmarks.startup import CONVERSATION, PLACEHOLDER, Terminal, visible


@contextmanager
def running(home: Path, *arguments: str, **generation: str) -> Iterator[Terminal]:
    """The real command in a pseudo-terminal; killed at the end with all that it started."""
    environment = {
        **os.environ,
        "ASSISTANT_HOME": str(home),
        "TERM": "xterm-256color",
        "ASSISTANT_MODEL_REF": "pocket",
        "ASSISTANT_MODEL_THREADS": "1",
        "ASSISTANT_SUMMARY_TASK": "summary",
        "ASSISTANT_GENERATION_DECODING": "sample",
        # Drafts of which the most faithful is chosen do not stream.
        "ASSISTANT_GENERATION_FAITHFUL": "off",
        **{f"ASSISTANT_GENERATION_{name.upper()}": value for name, value in generation.items()},
    }
    terminal = Terminal([sys.executable, "-m", "assistant", *arguments], environment)
    try:
        yield terminal
    finally:
        terminal.close()


def send(terminal: Terminal) -> None:
    terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
    terminal.press(b"\x1b[200~" + CONVERSATION.encode() + b"\x1b[201~")
    terminal.wait_for(lambda drawn: b"thank" in visible(drawn))
    terminal.press(b"\r")


def until_kept(terminal: Terminal, store: Store, kind: str) -> str:
    """The text that the store has of what is unfinished, once it has some; the terminal is drained meanwhile."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        terminal.drain()
        chat = next(iter(store.chats.newest()), None)
        if kept := store.chats.unfinished("" if kind == "typed" else chat.id if chat else "-", kind):
            return kept
        time.sleep(0.05)
    raise AssertionError(f"nothing was kept of what is {kind}")


@pytest.mark.slow
def test_what_was_typed_is_there_after_the_app_was_killed(home: Path) -> None:
    with Store.open() as store, running(home) as terminal:
        terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
        terminal.press(b"Half a thought")
        kept = ""
        while kept != "Half a thought":
            kept = until_kept(terminal, store, "typed")
    with running(home) as terminal:
        terminal.wait_for(lambda drawn: b"Half a thought" in visible(drawn))


@pytest.mark.slow
def test_what_was_sent_and_written_is_there_after_the_app_was_killed(home: Path) -> None:
    with Store.open() as store:
        with running(home, min_new_tokens="30000", max_new_tokens="30000") as terminal:
            send(terminal)
            terminal.wait_for(lambda drawn: b"writing" in visible(drawn))
            until_kept(terminal, store, "writing")
        (chat,) = store.chats.newest()
        written = store.chats.unfinished(chat.id, "writing")
        assert written, "the last that was kept is whole"
        assert [message.text for message in store.chats.messages(chat.id)] == [CONVERSATION]
    with running(home, "--continue") as terminal:
        terminal.wait_for(lambda drawn: b"(the app ended while this was written)" in visible(drawn))
        end = printable(written).strip()[-3:].encode()
        terminal.wait_for(lambda drawn: end in visible(drawn))


@pytest.mark.slow
def test_half_a_ranking_is_there_after_the_app_was_killed(home: Path) -> None:
    with running(home, drafts="3", max_new_tokens="8") as terminal:
        send(terminal)
        terminal.wait_for(lambda drawn: b"drafts \xc2\xb7 r ranks them" in visible(drawn))
        terminal.press(b"r")
        terminal.wait_for(lambda drawn: b"Which is best?" in visible(drawn))
        mark = len(terminal.output)
        terminal.press(b"2")
        terminal.wait_for(lambda drawn: b"1st" in visible(drawn), mark)
        time.sleep(0.3)
    with Store.open() as store:
        (chat,) = store.chats.newest()
        first = store.chats.messages(chat.id)[-1].completions[0]
        assert '"groups":[[1]]' in store.chats.unfinished(store.completions.get(first).draft_of, "ranking")
    with running(home, "--continue") as terminal:
        terminal.wait_for(lambda drawn: b"drafts \xc2\xb7 r ranks them" in visible(drawn))
        terminal.press(b"\x1b[Z")
        time.sleep(0.5)
        terminal.press(b"r")
        terminal.wait_for(lambda drawn: b"2 \xc2\xb7 B \xc2\xb7 1st" in visible(drawn))
