"""The conversations in tests/fixtures/dialogues, and their turns."""

from pathlib import Path

from assistant.dialogue import parse
from assistant.records import Dialogue

FIXTURES = Path(__file__).parents[2] / "fixtures" / "dialogues"


def said(dialogue: Dialogue) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in dialogue.turns]


def read(name: str) -> Dialogue:
    return parse((FIXTURES / name).read_text(encoding="utf-8"))
