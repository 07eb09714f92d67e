"""The work of a digest grows with the conversation, no faster."""

import time

import pytest

from assistant.dialogue import parse
from assistant.digest import make_digest

_CHARACTERS = 2000
_TIMES = 5


@pytest.mark.parametrize("piece", ["年", "a b: ", "a, b and "])
def test_five_times_the_letters_take_five_times_the_work_in_one_message(piece: str) -> None:
    short, long = (_seconds(piece * (size // len(piece))) for size in (_CHARACTERS, _TIMES * _CHARACTERS))
    assert long < 2.4 * _TIMES * short  # In proportion it is 5 times, by the square 25 times.


def _seconds(text: str) -> float:
    """Processor time of a digest, the lesser of two."""
    dialogue = parse(f"Ann: hello there\nBob: {text}")
    found: list[float] = []
    for _ in range(2):
        start = time.process_time()
        make_digest(dialogue)
        found.append(time.process_time() - start)
    return min(found)
