"""A reward made without ratings."""

import random
from pathlib import Path

import numpy as np
import pytest

from assistant.scoring.heads import COLUMNS, COVERAGE, columns_of
from training.reward.nearness import Drafted
from training.reward.warm_start import WarmStart, build

_NAMES = ("Maya", "Tom", "Ana", "Bob", "Ines", "Carl", "Rita", "Hugo")
_THINGS = ("ladder", "report", "cake", "bicycle", "ticket", "guitar", "lamp", "camera")


def _row(rng: random.Random) -> tuple[str, str]:
    """A conversation and its summary."""
    one, two = rng.sample(_NAMES, 2)
    thing, price, hour = rng.choice(_THINGS), rng.randrange(20, 900), rng.randrange(2, 9)
    talk = f"{one}: Hi {two}! I want to sell my old {thing} for {price} euros.\n{two}: I will take the {thing}."
    talk += f"\n{one}: Great, come to the station at {hour}.\n{two}: I can't come before Friday."
    return talk, f"{one} will sell {two} an old {thing} for {price} euros at the station on Friday at {hour}."


@pytest.fixture
def made(minilm: Path) -> WarmStart:
    rng = random.Random(1)
    rows = [_row(rng) for _ in range(60)]
    drafted = [
        Drafted(talk, (summary,), (f"{summary.split()[0]} sells a thing.", " ".join(summary.split()[:8]) + "."))
        for talk, summary in (_row(rng) for _ in range(20))
    ]
    return build(rows, [_row(rng) for _ in range(10)], 1, drafted)


def test_coverage_counts_and_length_does_not(made: WarmStart) -> None:
    weights = dict(zip(COLUMNS, made.weights, strict=True))
    assert weights[COVERAGE] > 0.0
    assert {weights[name] for name in ("log words", "sentences", "length to source", "tags", "20 words")} == {0.0}


def test_a_summary_is_worth_more_than_texts_that_run_a_number_up(made: WarmStart) -> None:
    talk, summary = _row(random.Random(9))
    said = " ".join(line.partition(": ")[2] for line in talk.splitlines())
    hacks = ["", " ", ", ".join(_NAMES), "20, 30, 5, 7.", f"{said} " * 3, f"{summary} " * 6, "What a great summary!"]
    scores = columns_of(made.roles, [(talk, text) for text in (summary, *hacks)]) @ made.weights
    assert [text for text, score in zip(hacks, scores[1:], strict=True) if score >= scores[0]] == []


def test_the_card_has_a_figure_for_every_way(made: WarmStart) -> None:
    assert {"name", "denied", "mentions listed", "flattering", "length only"} <= set(made.figures)
    assert np.isfinite(made.weights).all()
