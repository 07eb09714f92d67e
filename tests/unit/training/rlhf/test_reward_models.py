"""What the loop's policy is paid by: parts named, weighted in the configuration, and told apart."""

import shutil
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from assistant.scoring.heads import WARM, find_reward
from training.reward.parts import parse_terms, weighted
from training.rlhf.config import RlhfConfig
from training.rlhf.reward_models import Judges, RewardFound, unpaid
from training.runs.job import Job
from training.runs.run import Run

TALK = "Maya: Can you bring the ladder on Friday?\nTom: Sure, I will put it in my van.\nMaya: Thank you!"
GOOD = "Maya asks Tom to bring the ladder on Friday."
SWAPPED = "Tom asks Maya to bring the ladder on Friday."
RUDE = "You are an idiot, Tom, and I hate you."


@pytest.fixture
def paid(tmp_path: Path, minilm: Path) -> Any:
    """(terms, parts of the three texts) for a configuration; the reward is the bundled one."""

    def pay(price: float = 0.0, **weights: Any) -> tuple[tuple[str, ...], dict[str, list[float]]]:
        config = RlhfConfig(**weights)
        run = Run.start("rlhf", config, [], 0, root=tmp_path / "runs")
        shutil.copytree(find_reward(WARM), run.folder / "reward")
        judges = Judges(run, cast(Any, None), config, Job(stage="rlhf", config=config))
        parts = judges.reward_parts([TALK] * 3, [GOOD, SWAPPED, RUDE])
        run.close()
        return judges.terms(2.0, price), parts

    return pay


def test_every_part_that_weighs_something_is_told_apart(paid: Any) -> None:
    terms, parts = paid(price=-0.4, roles_weight=0.5, length_weight=0.25, length_words=9)
    # The learnt part counts in standard deviations: its weight 1 over a spread of 2.
    assert set(terms) == {
        "0.5*preference",
        # A word more is worth 0.4 less to the reward, 0.2 of its standard deviations, which are given back.
        "0.2*words",
        "-0.3*unsupported",
        "-1*repetition",
        "0.5*roles",
        "0.25*length",
        "-1*harm",
    }
    assert {term.part for term in parse_terms(terms)} == set(parts)
    good, swapped, rude = range(3)
    assert parts["roles"][good] > 0 > parts["roles"][swapped]
    assert parts["words"][:2] == [9.0, 9.0]
    # Nine words are wanted: both have nine.
    assert parts["length"][:2] == [1.0, 1.0]
    assert parts["harm"][rude] > 0.5 > max(parts["harm"][:2])
    totals = weighted(parts, parse_terms(terms), 3)
    assert totals[good] > totals[swapped] and totals[good] > totals[rude]


def test_doubt_is_taken_off_in_the_unit_of_the_reward_and_coverage_is_paid(paid: Any) -> None:
    terms, parts = paid(doubt_weight=0.5, coverage_weight=2.0)
    # 0.5 over a spread of 2; the bundled reward has no members to disagree.
    assert {"-0.25*doubt", "2*coverage"} <= set(terms)
    assert parts["doubt"] == [0.0] * 3 and parts["coverage"][0] > parts["coverage"][2]


def test_a_part_without_weight_is_neither_paid_nor_counted(paid: Any) -> None:
    terms, parts = paid(support_weight=0.0, repetition_weight=0.0, harm_weight=0.0)
    assert terms == ("0.5*preference", "0*words") and set(parts) == {"preference", "words"}


def proven(lower_bound: float, length_baseline: float) -> RewardFound:
    figures = {"accuracy": 0.8, "lower_bound": lower_bound, "length_baseline": length_baseline}
    return msgspec.convert({**figures, "n": 9, "ci": (0.5, 1.0), "pairs": 9, "method": "counted"}, RewardFound)


def test_length_is_taken_off_only_where_more_than_length_is_meant() -> None:
    # 30 points above a coin, of which length alone has 10: two thirds are more than length.
    assert unpaid(-0.3, proven(0.8, 0.6), 1.0) == pytest.approx(-0.2)
    assert unpaid(-0.3, proven(0.8, 0.6), 0.5) == pytest.approx(-0.1)
    # Twice two thirds would be more than there is.
    assert unpaid(-0.3, proven(0.8, 0.6), 2.0) == pytest.approx(-0.3)
    # Longer answers are the gate's to compare at equal length.
    assert unpaid(0.3, proven(0.8, 0.6), 1.0) == 0.0
    # Right more often than length, but not beyond the interval.
    assert unpaid(-0.3, proven(0.7, 0.73), 1.0) == 0.0
    # People choose the shorter one, or the reward was not proved: length alone has nothing, or nothing is known.
    assert unpaid(-0.3, proven(0.8, 0.3), 1.0) == -0.3
    assert unpaid(-0.3, proven(0.45, 0.4), 1.0) == 0.0
