"""The app killed in the middle of an answer and of a ranking: what is there at the next start."""

import os
import sys
import time
from pathlib import Path

import pytest

from assistant.feedback.store import Store
from tests.benchmarks.startup import CONVERSATION, PLACEHOLDER, Terminal, visible
from tests.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


def start(tiny: Path, home: Path, **generation: str) -> Terminal:
    """The real command in a pseudo-terminal."""
    environment = {
        **os.environ,
        "ASSISTANT_HOME": str(home),
        "TERM": "xterm-256color",
        "ASSISTANT_MODEL_REF": str(tiny),
        "ASSISTANT_MODEL_THREADS": "1",
        "ASSISTANT_GENERATION_DECODING": "sample",
        **{f"ASSISTANT_GENERATION_{name.upper()}": value for name, value in generation.items()},
    }
    terminal = Terminal([sys.executable, "-m", "assistant"], environment)
    terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
    return terminal


def send(terminal: Terminal) -> None:
    terminal.press(b"\x1b[200~" + CONVERSATION.encode() + b"\x1b[201~")
    terminal.wait_for(lambda drawn: b"thank" in visible(drawn))
    terminal.press(b"\r")


@pytest.mark.slow
def test_what_was_sent_and_written_is_kept_when_the_app_is_killed(tiny: Path, home: Path) -> None:
    terminal = start(tiny, home, min_new_tokens="30000", max_new_tokens="30000")
    send(terminal)
    terminal.wait_for(lambda drawn: b"writing" in visible(drawn))
    deadline = time.monotonic() + 20
    with Store.open() as store:
        chat = None
        while time.monotonic() < deadline and not (chat and store.unfinished(chat.id, "writing")):
            chat = next(iter(store.chats()), None)
            time.sleep(0.05)
            terminal.wait_for(lambda drawn: True)
        terminal.close()
        assert chat is not None
        assert store.unfinished(chat.id, "writing")
        assert [message.text for message in store.messages(chat.id)] == [CONVERSATION]


@pytest.mark.slow
def test_half_a_ranking_is_kept_when_the_app_is_killed(tiny: Path, home: Path) -> None:
    terminal = start(tiny, home, drafts="3", max_new_tokens="8")
    send(terminal)
    terminal.wait_for(lambda drawn: b"r ranks them" in visible(drawn))
    terminal.press(b"r")
    terminal.wait_for(lambda drawn: b"Which is best?" in visible(drawn))
    mark = len(terminal.output)
    terminal.press(b"2")
    terminal.wait_for(lambda drawn: b"1st" in visible(drawn), mark)
    time.sleep(0.3)
    terminal.close()
    with Store.open() as store:
        (chat,) = store.chats()
        first = store.messages(chat.id)[-1].completions[0]
        assert '"groups":[[1]]' in store.unfinished(store.completion(first).draft_of, "ranking")
