"""Judgements become pairs: by hand for each rule, and for whatever hypothesis comes up with."""

import random
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.feedback.pairs import count_reasons, labels_from, pairs_from
from assistant.records import Completion, PreferencePair, Ranking, Rating
from tests.builders import a_completion, a_ranking, a_rating

A, B, C, D = (a_completion(letter, prompt="p", answer=letter) for letter in "abcd")
OTHER = a_completion("o", prompt="q", answer="o")
ALL = [A, B, C, D, OTHER]


def _short(pairs: list[PreferencePair]) -> list[tuple[str, str, float]]:
    return [(pair.chosen, pair.rejected, pair.weight) for pair in pairs]


def test_four_drafts_in_order_are_six_pairs_of_a_half_each() -> None:
    pairs, unpaired = pairs_from([a_ranking([["c"], ["a"], ["d"], ["b"]])], [], ALL)
    # k = 4: weight 2 / 4 each, 6 pairs, 3 = k - 1 comparisons together
    assert _short(pairs) == [
        ("a", "b", 0.5),
        ("c", "a", 0.5),
        ("a", "d", 0.5),
        ("c", "b", 0.5),
        ("d", "b", 0.5),
        ("c", "d", 0.5),
    ]
    assert unpaired == []


def test_a_tie_in_a_ranking_makes_no_pair_and_is_reported() -> None:
    pairs, unpaired = pairs_from([a_ranking([["a", "b"], ["c"]])], [], ALL)
    assert _short(pairs) == [("a", "c", 0.666666667), ("b", "c", 0.666666667)]  # k = 3: 2 / 3 each
    assert [(one.why, one.completions) for one in unpaired] == [("tie", ("a", "b"))]


def test_failed_answers_are_below_all_others_and_in_no_order() -> None:
    pairs, unpaired = pairs_from([a_ranking([["a"]], failed=("b", "c"))], [], ALL)
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("a", "b"), ("a", "c")]
    assert count_reasons(unpaired) == {"both failed": 1}


def test_confidence_and_weight_scale_a_pair() -> None:
    pairs, _ = pairs_from([a_ranking([["a"], ["b"]], confidence=0.5, weight=0.5)], [], ALL)
    assert _short(pairs) == [("a", "b", 0.25)]


def test_said_with_no_confidence_it_counts_as_a_tie() -> None:
    pairs, unpaired = pairs_from([a_ranking([["a"]], failed=("b",), confidence=0.0)], [], ALL)
    assert pairs == []
    assert count_reasons(unpaired) == {"tie": 1}


def test_a_thumb_up_beats_a_thumb_down_of_the_same_rater_on_the_same_prompt() -> None:
    ratings = [a_rating("a", "up"), a_rating("b", "down"), a_rating("o", "down"), a_rating("c", "down", rater="ben")]
    pairs, unpaired = pairs_from([], ratings, ALL)
    assert _short(pairs) == [("a", "b", 1.0)]
    assert pairs[0].sources == tuple(rating.id for rating in ratings[:2])
    assert [(one.why, one.completions, one.raters) for one in unpaired] == [
        ("alone", ("c",), ("ben",)),
        ("alone", ("o",), ("ana",)),
    ]


def test_two_thumbs_down_are_two_unpaired_negatives() -> None:
    pairs, unpaired = pairs_from([], [a_rating("a", "down"), a_rating("b", "down")], ALL)
    assert pairs == []
    assert [one.completions for one in unpaired] == [("a",), ("b",)]


def test_where_the_rater_ranked_the_two_the_thumbs_add_nothing() -> None:
    pairs, unpaired = pairs_from([a_ranking([["b"], ["a"]])], [a_rating("a", "up"), a_rating("b", "down")], ALL)
    assert _short(pairs) == [("b", "a", 1.0)]
    assert unpaired == []


def test_answers_to_different_prompts_are_never_compared() -> None:
    pairs, unpaired = pairs_from([a_ranking([["a"], ["o"]])], [a_rating("a", "up"), a_rating("o", "down")], ALL)
    assert pairs == []
    assert count_reasons(unpaired) == {"alone": 2, "different prompts": 1}


def test_identical_texts_make_no_pair() -> None:
    pairs, unpaired = pairs_from([a_ranking([["a"], ["x"]])], [], [A, a_completion("x", prompt="p", answer="a")])
    assert pairs == []
    assert count_reasons(unpaired) == {"identical texts": 1}


def test_saying_it_twice_does_not_count_twice() -> None:
    first = a_ranking([["a"], ["b"]])
    pairs, _ = pairs_from([first, a_ranking([["a"], ["b"]], repeat_of=first.id)], [], ALL)
    assert _short(pairs) == [("a", "b", 1.0)]


def test_a_rater_who_contradicts_himself_is_reported_and_says_nothing() -> None:
    rankings = [a_ranking([["a"], ["b"]]), a_ranking([["b"], ["a"]], repeat_of="x")]
    pairs, unpaired = pairs_from(rankings, [], ALL)
    assert pairs == []
    assert [(one.why, one.raters) for one in unpaired] == [("contradiction", ("ana",))]
    pairs, unpaired = pairs_from([*rankings, a_ranking([["b"], ["a"]], rater="ben")], [], ALL)
    assert [(pair.chosen, pair.raters) for pair in pairs] == [("b", ("ben",))]
    assert count_reasons(unpaired) == {"contradiction": 1}


def test_raters_are_added_up_and_may_balance() -> None:
    ana, ben, cem = (
        a_ranking([["a"], ["b"]]),
        a_ranking([["b"], ["a"]], rater="ben"),
        a_ranking([["a"], ["b"]], rater="cem", confidence=0.5),
    )
    pairs, unpaired = pairs_from([ana, ben], [], ALL)
    assert pairs == []
    assert count_reasons(unpaired) == {"raters disagree": 1}
    pairs, unpaired = pairs_from([ana, ben, cem], [], ALL)
    assert _short(pairs) == [("a", "b", 0.5)]  # 1 - 1 + 0.5
    assert pairs[0].raters == ("ana", "ben", "cem")


def test_what_has_ended_or_lost_its_answer_counts_no_more() -> None:
    ended = a_ranking([["a"], ["b"]], ended="2026-01-01", ended_by="undone")
    pairs, unpaired = pairs_from([ended, a_ranking([["a"], ["gone"]])], [a_rating("gone", "up")], ALL)
    assert pairs == []
    assert count_reasons(unpaired) == {"missing answer": 2}


def test_labels_are_thumbs_and_failures() -> None:
    labels = labels_from(
        [a_ranking([["a"]], failed=("b",))], [a_rating("c", "up"), a_rating("d", "down", ended="x")], ALL
    )
    assert [(label.completion, label.label) for label in labels] == [("b", False), ("c", True)]


_POOL = [
    a_completion(f"{prompt}{i}", prompt=prompt, answer=f"text {i % 5}") for prompt in "pq" for i in range(6)
]  # p0 and p5 are identical texts
_IDS = [completion.id for completion in _POOL]


@st.composite
def _a_ranking(draw: st.DrawFn) -> Ranking:
    ids = draw(st.lists(st.sampled_from(_IDS), min_size=2, max_size=6, unique=True))
    groups: list[list[str]] = [[]]
    for id in ids:
        if draw(st.booleans()) and groups[-1]:
            groups.append([])
        groups[-1].append(id)
    fails = draw(st.booleans()) and len(groups) > 1
    failed = tuple(groups.pop()) if fails else ()
    confidence = draw(st.sampled_from([None, 0.25, 1.0]))
    return a_ranking(groups, failed=failed, rater=draw(st.sampled_from("ab")), confidence=confidence)


_RANKINGS = st.lists(_a_ranking(), max_size=6)
_RATINGS = st.lists(
    st.builds(a_rating, st.sampled_from(_IDS), st.sampled_from(["up", "down"]), rater=st.sampled_from("ab")),
    max_size=8,
    unique_by=lambda rating: (rating.completion, rating.rater),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_RANKINGS, _RATINGS, st.randoms(use_true_random=False))
def test_pairs_stay_within_a_prompt_go_one_way_and_do_not_depend_on_order(
    rankings: list[Ranking], ratings: list[Rating], rng: random.Random
) -> None:
    pairs, unpaired = pairs_from(rankings, ratings, _POOL)
    by_id: dict[str, Completion] = {completion.id: completion for completion in _POOL}
    directions = Counter((pair.prompt, pair.chosen, pair.rejected) for pair in pairs)
    for pair in pairs:
        chosen, rejected = by_id[pair.chosen_id], by_id[pair.rejected_id]
        assert chosen.prompt == rejected.prompt == pair.prompt
        assert (chosen.answer, rejected.answer) == (pair.chosen, pair.rejected)
        assert pair.chosen != pair.rejected
        assert pair.weight > 0
        assert (pair.prompt, pair.rejected, pair.chosen) not in directions
    assert max(directions.values(), default=1) == 1
    for shuffled in (rankings, ratings):
        rng.shuffle(shuffled)
    assert pairs_from(rankings, ratings, rng.sample(_POOL, len(_POOL))) == (pairs, unpaired)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_RANKINGS)
def test_turning_every_ranking_over_turns_every_pair_over(rankings: list[Ranking]) -> None:
    def turned(ranking: Ranking) -> Ranking:
        groups = (*ranking.groups, ranking.failed) if ranking.failed else ranking.groups
        return a_ranking(groups[::-1], id=ranking.id, rater=ranking.rater, confidence=ranking.confidence)

    pairs, _ = pairs_from(rankings, [], _POOL)
    other, _ = pairs_from([turned(ranking) for ranking in rankings], [], _POOL)
    assert {(p.prompt, p.chosen, p.rejected, p.weight) for p in pairs} == {
        (p.prompt, p.rejected, p.chosen, p.weight) for p in other
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_RANKINGS, _RATINGS)
def test_every_judgement_is_behind_a_pair_or_in_the_report(rankings: list[Ranking], ratings: list[Rating]) -> None:
    pairs, unpaired = pairs_from(rankings, [], _POOL)
    heard = {source for found in [*pairs, *unpaired] for source in found.sources}
    assert heard == {ranking.id for ranking in rankings}
    pairs, unpaired = pairs_from([], ratings, _POOL)
    assert {source for found in [*pairs, *unpaired] for source in found.sources} == {r.id for r in ratings}
