"""Ratings as a reward reads them, pairs made without people, and the fit of a head."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import DataMissing, UsageError
from assistant.prompts import MODES, TASKS, conversation_in, load_shots, render
from assistant.records import Completion
from tests.builders import a_completion, a_ranking, a_rating
from training.reward.bradley_terry import Prior, calibration_error, fit, fit_temperature, folds
from training.reward.corruptions import WAYS, Material, made_pairs
from training.reward.preferences import Judged, check_enough, preferences_of, rater_weights, read_preferences, split

_TALK = "Maya: The review moves to Friday 3 May.\nTom: I'll book room 12.\nMaya: Thanks, Tom."
_SUMMARY = "Maya says the review moves to Friday, and Tom will book room 12."


def _answers(*texts: str) -> list[Completion]:
    return [a_completion(f"c{n}", answer=text, prompt=_TALK) for n, text in enumerate(texts)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("phrasing", [phrasing.name for phrasing in TASKS["summary"].phrasings])
def test_a_prompt_gives_its_conversation_back(mode: str, phrasing: str) -> None:
    prompt = render(
        _TALK, mode=mode, phrasing=phrasing, shots=load_shots(), budget=10_000, count_tokens=lambda text: len(text) // 4
    )
    assert conversation_in(prompt.text) == _TALK


def test_a_text_that_is_no_prompt_of_ours_stays_whole() -> None:
    assert conversation_in("Human: hello\n\nAssistant: hi ") == "Human: hello\n\nAssistant: hi"


def test_thumbs_both_down_are_two_single_answers_and_no_pair() -> None:
    answers = _answers("First.", "Second.")
    found = preferences_of(Judged([], [a_rating(answer.id, "down") for answer in answers], answers))
    assert not found.pairs
    assert [(single.answer, single.good) for single in found.singles] == [("First.", False), ("Second.", False)]
    # Held against the average answer, not against another one: half of a pair's weight.
    assert [single.weight for single in found.singles] == [0.5, 0.5]


def test_a_rater_who_contradicts_himself_counts_less() -> None:
    answers = _answers("First.", "Second.")
    one, two = (answer.id for answer in answers)
    first = a_ranking([[one], [two]])
    steady = [first, a_ranking([[one], [two]], repeat_of=first.id)]
    fickle = [first, *(a_ranking([[two], [one]], repeat_of=first.id) for _ in range(4))]
    # 1 of 1 alike: (1 + 3) / (1 + 4) = 0.8, and 2 * (2 * 0.8 - 1) = 1.2, at most 1.
    assert rater_weights(steady, answers) == {"ana": 1.0}
    # 0 of 4 alike: 3 / 8 is less than a coin.
    assert rater_weights(fickle, answers) == {"ana": 0.1}


def test_a_pair_of_a_fickle_rater_weighs_a_tenth() -> None:
    answers = _answers("First.", "Second.", "Third.", "Fourth.")
    one, two, three, four = (answer.id for answer in answers)
    first = a_ranking([[one], [two]])
    fickle = [first, *(a_ranking([[two], [one]], repeat_of=first.id) for _ in range(4)), a_ranking([[three], [four]])]
    found = preferences_of(Judged(fickle, [], answers))
    # He decided none of four comparisons alike; of the first two answers he said both and so nothing.
    assert [(pair.chosen, pair.weight) for pair in found.pairs] == [("Third.", pytest.approx(0.1))]
    assert found.report["unpaired"] == {"contradiction": 1}


def test_what_principles_judged_counts_only_where_it_is_asked_for() -> None:
    answers = _answers("First.", "Second.")
    judged = Judged([a_ranking([[answers[0].id], [answers[1].id]], rater="constitution")], [], answers)
    assert not preferences_of(judged).pairs and preferences_of(judged).report["constitution_left_out"] == 1
    assert len(preferences_of(judged, constitution=True).pairs) == 1


def test_files_of_every_shape_are_read_and_a_broken_row_is_named(tmp_path: Path) -> None:
    rows = [
        {"dialogue": _TALK, "chosen": _SUMMARY, "rejected": "They talk."},
        {"prompt": "Ana: hi\nBob: ho", "ranking": [["A."], ["B."]], "fail": ["C."]},
        {
            "prompt": [{"role": "user", "content": "Say hi"}],
            "chosen": [{"role": "assistant", "content": "Hi."}],
            "rejected": [{"role": "assistant", "content": "No."}],
        },
        {"prompt": "Ana: hey\nBob: ho", "completion": "D.", "label": False},
        {"dialogue": _TALK, "chosen": "Same.", "rejected": "Same."},
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = read_preferences([file])
    # One pair, three from the ranking of three, one chat; the label stands alone.
    assert len(found.pairs) == 5 and [single.answer for single in found.singles if not single.good][-1] == "D."
    assert found.report["unpaired"]["identical texts"] == 1
    file.write_text(json.dumps(rows[0]) + "\n" + json.dumps({"prompt": "x", "chosen": 3, "rejected": "y"}))
    with pytest.raises(UsageError, match="row 2"):
        read_preferences([file])


def test_too_few_pairs_say_how_many_are_needed_and_what_made_none() -> None:
    answers = _answers("First.", "Second.", "Third.")
    tied = a_ranking([[answer.id for answer in answers]])
    with pytest.raises(DataMissing, match=r"0 pairs from 0 conversations; a reward needs 8 from 4.*3 tie"):
        check_enough(preferences_of(Judged([tied], [], answers)))


def test_no_conversation_is_in_two_parts_and_more_ratings_move_none() -> None:
    answers = [
        a_completion(f"{n}{text}", answer=text, prompt=f"Ana: {n}\nBob: yes")
        for n in range(60)
        for text in ("Good.", "Bad.")
    ]
    rankings = [a_ranking([[good.id], [bad.id]]) for good, bad in zip(answers[::2], answers[1::2], strict=True)]
    whole = split(preferences_of(Judged(rankings, [], answers)), 0.2, 0.2, seed=1)
    fewer = split(preferences_of(Judged(rankings[:30], [], answers)), 0.2, 0.2, seed=1)
    parts = [{pair.cluster for pair in part} for part in (whole.train, whole.dev, whole.judge)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 60 and all(parts)
    assert {pair.cluster for pair in fewer.judge} <= parts[2]


def test_every_way_of_making_a_summary_worse_does_what_it_says() -> None:
    made = {way: WAYS[way](_SUMMARY, Material(_TALK, "Ana buys a hat.", random.Random(3))) for way in WAYS}
    assert made["roles"] == "Tom says the review moves to Friday, and Maya will book room 12."
    assert made["number"] is not None and "room 12" not in made["number"]
    assert made["other conversation"] == "Ana buys a hat."
    assert made["repeated"] is not None and made["repeated"].count("review") > 1
    assert made["broken off"] is not None and _SUMMARY.startswith(made["broken off"])
    assert made["denied"] == "Maya says the review moves to Friday, and Tom won't book room 12."
    assert made["flattering"] is not None and ("summary" in made["flattering"] or "Thank you" in made["flattering"])
    assert WAYS["roles"]("Somebody talks.", Material(_TALK, "", random.Random(3))) is None
    pairs = made_pairs([(_TALK, _SUMMARY), ("Ana: hi\nBob: ho", "They greet.")], ("roles", "generic"), seed=1)
    assert [pair.way for pair in pairs] == ["roles", "generic", "generic"]


@pytest.mark.parametrize(
    ("summary", "denied"),
    [
        ("Tom will come.", "Tom won't come."),
        ("Tom won't come.", "Tom will come."),
        ("Tom can't come.", "Tom can come."),
        ("Tom cannot come.", "Tom can come."),
        ("Tom does not care.", "Tom does care."),
        ("The wound healed.", None),
    ],
)
def test_a_verb_is_denied_or_affirmed(summary: str, denied: str | None) -> None:
    assert WAYS["denied"](summary, Material(_TALK, "", random.Random(1))) == denied


def test_a_figure_becomes_another_of_the_conversation() -> None:
    material = Material("Ana: It costs 20 euros.\nBob: Come at 5, or five.", "", random.Random(1))
    # "five" is a word where 20 is digits.
    assert WAYS["own number"]("It costs 20 euros.", material) == "It costs 5 euros."
    assert WAYS["own number"]("It costs much.", material) is None


def test_lists_hold_what_was_said_and_nothing_about_it() -> None:
    talk = "Ana: Bring Tom 20 euros.\nBob: I can, at 5."
    lists = {WAYS["mentions listed"]("", Material(talk, "", random.Random(seed))) for seed in range(20)}
    assert {text.replace(" and", ",") for text in lists if text} == {
        "Ana, Tom, Bob.",
        "20, 5.",
        "Ana, Tom, 20, Bob, 5.",
    }
    words = WAYS["words listed"]("", Material(talk, "", random.Random(1)))
    assert words is not None and {"euros", "20", "5"} <= set(re.findall(r"\w+", words))


def test_the_fit_finds_weights_that_made_the_choices_and_leans_on_its_prior() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 3))
    truth = np.array([1.5, -1.0, 0.0])
    chosen = rng.random(4000) < 1 / (1 + np.exp(-rows @ truth))
    signed = np.where(chosen[:, None], rows, -rows)
    loose = Prior(np.zeros(3), np.full(3, 10.0))
    np.testing.assert_allclose(fit(signed, np.ones(4000), loose), truth, atol=0.15)
    # Without a pair the prior's mean is all there is; a spread of 0 holds a weight where it is.
    held = Prior(np.array([0.0, 0.0, 7.0]), np.array([10.0, 10.0, 0.0]))
    assert fit(signed, np.ones(4000), held)[2] == 7.0
    np.testing.assert_allclose(fit(signed[:0], np.ones(0), held), held.mean)


def test_a_pair_of_three_times_the_weight_counts_as_three() -> None:
    # Weight 3 says the column is good, weight 1 that it is bad: the logistic of its weight is 3/4, which makes it ln 3.
    found = fit(np.array([[1.0], [-1.0]]), np.array([3.0, 1.0]), Prior(np.zeros(1), np.full(1, 1e3)))
    assert found[0] == pytest.approx(np.log(3), abs=1e-4)


def test_temperature_brings_overconfident_margins_back() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(size=5000) * 2
    margins = np.where(rng.random(5000) < 1 / (1 + np.exp(-true)), true, -true)
    assert fit_temperature(margins * 3, np.ones(5000)) == pytest.approx(3.0, rel=0.1)
    assert calibration_error(margins) < 0.02 < calibration_error(margins * 3)


def test_folds_keep_a_conversation_on_one_side() -> None:
    clusters = ["a", "b", "a", "c", "d", "b"]
    seen = []
    for train, test in folds(clusters, 3, seed=0):
        assert not {clusters[i] for i in train} & {clusters[i] for i in test}
        seen += test.tolist()
    assert sorted(seen) == list(range(6))


def test_a_text_that_came_out_as_it_was_makes_no_pair() -> None:
    # The summary of the "other" conversation is this very one.
    rows = [(_TALK, _SUMMARY), (_TALK, _SUMMARY)]
    assert made_pairs(rows, ("other conversation",), seed=1) == []
    assert [pair.way for pair in made_pairs(rows[:1], ("other conversation",), seed=1)] == ["other conversation"]


def test_an_answer_about_a_conversation_of_the_judges_teaches_nothing() -> None:
    answers = [a_completion(f"{n}", answer="Hm.", prompt=f"Ana: {n}\nBob: yes") for n in range(20)]
    found = preferences_of(Judged([], [a_rating(answer.id, "down") for answer in answers], answers))
    assert len(split(found, 0.0, 0.0, seed=1).singles) == 20
    assert 0 < len(split(found, 0.5, 0.0, seed=1).singles) < 20 and split(found, 1.0, 0.0, seed=1).singles == ()


def test_a_changed_number_is_one_that_nobody_said() -> None:
    # Of all digits only 7 was not said.
    talk = "Maya: Rooms 1 2 3 4 5 6 8 9, please.\nTom: Yes."
    made = [WAYS["number"]("Maya wants room 5.", Material(talk, "", random.Random(seed))) for seed in range(30)]
    assert set(made) <= {"Maya wants room 7.", None} and "Maya wants room 7." in made
