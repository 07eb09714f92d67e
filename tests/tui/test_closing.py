"""How the app ends: by its own key, and by a signal."""

import os
import signal

from tests.doubles import ScriptedAssistant
from tests.tui.screens import an_app, opened, settle


async def test_closing_the_app_ends_the_assistant() -> None:
    assistant = ScriptedAssistant()
    async with opened(an_app(assistant)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+q")
    assert assistant.closed


async def test_sigterm_closes_the_app_as_its_own_key_does() -> None:
    assistant = ScriptedAssistant()
    app = an_app(assistant)
    async with opened(app) as pilot:
        await settle(pilot)
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(100):
            await pilot.pause()
            if app.return_code is not None:
                break
    assert (assistant.closed, app.return_code) == (True, 130)
