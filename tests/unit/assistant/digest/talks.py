"""Dialogues for the tests of the digest."""

from assistant.records import Dialogue, Turn


def talk(*lines: str, format: str = "names") -> Dialogue:
    """A dialogue from lines of `Name: text`, or `Name @time: text`."""
    turns = []
    for line in lines:
        head, _, text = line.partition(": ")
        speaker, _, time = head.partition(" @")
        turns.append(Turn(speaker=speaker, text=text, time=time))
    return Dialogue(turns=tuple(turns), format=format)
