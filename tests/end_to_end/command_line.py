"""Run `assistant` in a new process."""

import subprocess
import sys

TALK = "Maya: The review moves to Friday.\nTom: I'll book the room.\nMaya: Thank you, Tom."
SHORT = ("--task", "summary", "--decoding", "greedy", "--max-new-tokens", "8")


def run(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "assistant", *arguments],
        input=stdin if stdin is not None else b"",
        capture_output=True,
        timeout=120,
        check=False,
    )
