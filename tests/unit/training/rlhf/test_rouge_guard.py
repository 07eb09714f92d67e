"""Which checkpoints may be kept: those that lost little of what a person would say."""

from pathlib import Path

import pytest

from training.rlhf.rouge_guard import Restraint

REFERENCES = {"p": "ann sends the blue letter", "q": "ben waits"}


def test_it_compares_with_the_first_answers_also_after_a_resume(tmp_path: Path) -> None:
    place = tmp_path / "practice.json"
    # ROUGE-1 of "ann sends the letter" is 8 / 9, of "ben waits" 1: 94.4. What has no reference doesn't count.
    first = Restraint(place, REFERENCES, 6.0)(["p", "q", "other"], ["ann sends the letter", "ben waits", ""])
    assert first == pytest.approx(6.0)
    resumed = Restraint(place, REFERENCES, 6.0)
    # 1 and 4 / 5 make 90: 4.4 less. 8 / 9 and 2 / 3 make 77.8.
    assert resumed(["p", "q"], ["ann sends the blue letter", "ben waits long"]) == pytest.approx(1.56, abs=0.01)
    assert resumed(["p", "q"], ["ann sends the letter", "ben"]) == pytest.approx(-10.67, abs=0.01)


def test_without_references_nothing_holds_it_back(tmp_path: Path) -> None:
    assert Restraint(tmp_path / "practice.json", {}, 1.0)(["p"], ["anything"]) == 0.0
    assert not (tmp_path / "practice.json").exists()
