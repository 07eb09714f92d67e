"""How the app ends: by its own key, and by a signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.feedback.store import Store
from tests.benchmarks.startup import PLACEHOLDER, Terminal, visible
from tests.doubles import ScriptedAssistant
from tests.tui.screens import STANDUP, an_app, opened, paste, seen, settle


async def test_closing_the_app_ends_the_assistant() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+q")
    assert assistant.closed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_closes_the_app_as_its_own_key_does(number: signal.Signals) -> None:
    assistant = ScriptedAssistant()
    app = an_app(assistant)
    async with opened(app) as pilot:
        await settle(pilot)
        os.kill(os.getpid(), number)
        for _ in range(100):
            await pilot.pause()
            if app.return_code is not None:
                break
    assert (assistant.closed, app.return_code) == (True, 130)


def test_the_app_ends_when_its_terminal_is_gone_and_keeps_what_was_typed(home: Path) -> None:
    environment = {**os.environ, "TERM": "xterm-256color"}
    # It controls no session, as behind `make`: nobody tells the app of the hangup.
    terminal = Terminal([sys.executable, "-m", "assistant"], environment)
    try:
        terminal.wait_for(lambda drawn: PLACEHOLDER in visible(drawn))
        terminal.press(b"Half a thought")
        terminal.wait_for(lambda drawn: b"thought" in visible(drawn))
        assert terminal.hang_up() == 130
    finally:
        terminal.close()
    with Store.open() as store:
        assert store.chats.unfinished("", "typed") == "Half a thought"


async def test_ctrl_c_says_how_to_quit_and_twice_quits() -> None:
    now = [0.0]
    app = an_app(clock=lambda: now[0])
    async with opened(app) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        await settle(pilot)
        assert "Ctrl+C again quits; so does ^Q." in seen(app)
        now[0] = 10.0
        await pilot.press("ctrl+c")
        assert app.is_running and app.return_code is None, "the first was long ago"
        now[0] = 12.0
        await pilot.press("f1", "ctrl+c")
        assert app.return_code == 0


async def test_ctrl_c_copies_what_is_selected_and_stops_what_is_written() -> None:
    app = an_app(ScriptedAssistant("One word after the other.", hold_after=2))
    async with opened(app) as pilot:
        await settle(pilot)
        await pilot.press(*"hello", "shift+home", "ctrl+c", "ctrl+c")
        assert app.clipboard == "hello" and app.return_code is None
        await pilot.press("backspace")
        await paste(pilot, STANDUP)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.chat.requests.is_writing
        await pilot.press("ctrl+c")
        await settle(pilot)
        assert not app.chat.requests.is_writing and app.return_code is None


def test_a_judgement_on_its_way_to_the_disk_does_not_hold_up_the_end(tmp_path: Path) -> None:
    script = tmp_path / "quit.py"
    script.write_text(
        "import asyncio, threading\n"
        "from tests.tui.screens import an_app, opened, settle\n"
        "async def main():\n"
        "    app, closing = an_app(), threading.Event()\n"
        "    def judge(store):\n"
        "        closing.wait(60)\n"
        "        app.in_background(lambda: app.keeper.store(), 'effect')\n"
        "    async with opened(app) as pilot:\n"
        "        await settle(pilot)\n"
        "        app.keeper.do(judge)\n"
        "        threading.Timer(0.5, closing.set).start()\n"
        "asyncio.run(main())\n"
    )
    # In a process of its own: a screen that waits for itself never ends, and neither would the test.
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
