"""The time to the sources of a question to the documents, asked three seconds after the start of the app's process.

    python -m tests.benchmarks.first_question FOLDER QUESTION [--rounds 5] [--picture FILE.svg] [--cache FOLDER]

Indexes the folder, then starts the real app with the bundled model in a new process for each round, without a terminal.
Prints the seconds from the start of the process to the first frame, and from Enter to the sources and to the answer.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.machine import TimingParser

ASKED_AT = 3.0
_PATIENCE = 120.0


def main() -> None:
    parser = TimingParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("question")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "parley-first-question")
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.started:
        print(json.dumps(asyncio.run(_play(arguments.question, arguments.started, arguments.picture))))
        return
    os.environ["ASSISTANT_HOME"] = str(arguments.cache)
    assistant = [sys.executable, "-m", "assistant"]
    subprocess.run([*assistant, "knowledge", "add", str(arguments.folder)], check=True, stdout=subprocess.DEVNULL)
    # Run once, since the result of the model's reading check is stored.
    subprocess.run([*assistant, "ask", arguments.question], check=True, stdout=subprocess.DEVNULL)
    rounds = []
    for number in range(arguments.rounds):
        command = [sys.executable, "-m", "tests.benchmarks.first_question", str(arguments.folder), arguments.question]
        command += ["--picture", str(arguments.picture)] if arguments.picture and number == 0 else []
        done = subprocess.run([*command, "--started", str(time.time())], check=True, stdout=subprocess.PIPE, text=True)
        rounds.append(json.loads(done.stdout.splitlines()[-1]))
    for name in rounds[0]:
        values = [played[name] for played in rounds]
        print(f"{name}: median {np.median(values):.2f} s, slowest {max(values):.2f} s (n {len(values)})")


async def _play(question: str, started: float, picture: Path | None) -> dict[str, float]:
    from assistant.settings import load_settings
    from assistant.tui.app import AssistantApp
    from assistant.tui.widgets.transcript.answer import AnswerView
    from assistant.tui.widgets.transcript.sources import SourceList

    app = AssistantApp(load_settings())
    async with app.run_test(size=(110, 32)) as pilot:
        first_frame = time.time() - started
        await asyncio.sleep(max(0.0, ASKED_AT - first_frame))
        app.chat.parts.composer.load(question)
        asked = time.time()  # before the key, since the pilot waits until the app is idle
        await pilot.press("enter")
        sources = answered = 0.0
        while not (answered and sources):
            if time.time() - asked > _PATIENCE:
                raise SystemExit("no answer with sources came")
            await asyncio.sleep(0.01)
            lists = app.screen.query(SourceList)
            if not sources and lists and lists.last().option_count:
                sources = time.time() - asked
            views = app.screen.query(AnswerView)
            if not answered and views and views.last().answer is not None:
                answered = time.time() - asked
        await pilot.pause(0.5)
        if picture is not None:
            app.save_screenshot(picture.name, str(picture.parent))
    return {"first frame after start": first_frame, "sources after Enter": sources, "answer after Enter": answered}


if __name__ == "__main__":
    main()
