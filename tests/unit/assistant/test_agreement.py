"""Agreement and length bias, against numbers worked out by hand or printed in the literature."""

import random

import pytest

from assistant.feedback.agreement import (
    agreement_between,
    due_for_repeat,
    krippendorff_alpha,
    longer_chosen,
    self_agreement,
    share_of,
    stats_of,
)
from assistant.feedback.pairs import pairs_from, verdicts_from
from tests.builders import a_completion, a_ranking, a_rating

A, B, C = (a_completion(letter, prompt="p", answer=letter) for letter in "abc")
ALL = [A, B, C]


def test_wilsons_interval_of_eight_in_ten() -> None:
    # centre = (0.8 + 3.84146/20) / (1 + 0.384146) = 0.992073 / 1.384146 = 0.716740
    # reach = 1.959964 * sqrt(0.016 + 3.84146/400) / 1.384146 = 1.959964 * 0.160011 / 1.384146 = 0.226577
    share = share_of(8, 10)
    assert share.value == pytest.approx(0.8)
    assert share.low == pytest.approx(0.490163, abs=2e-6)
    assert share.high == pytest.approx(0.943317, abs=2e-6)


def test_a_share_of_nothing_is_not_known_and_of_all_ends_at_one() -> None:
    assert share_of(0, 0).value is None
    # 5 of 5: low = 5 / (5 + 3.84146) = 0.565518
    assert share_of(5, 5).low == pytest.approx(0.565518, abs=1e-6)
    assert share_of(5, 5).high == pytest.approx(1.0)


def test_alpha_of_krippendorffs_own_examples() -> None:
    # "Computing Krippendorff's Alpha-Reliability" (2011), C: nominal data, four observers, missing values: 0.743.
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)
    # The same, A: two observers, binary, no missing values: 0.095.
    assert krippendorff_alpha(list(zip("0100000010", "1110010000", strict=True))) == pytest.approx(0.095, abs=5e-4)


def test_alpha_says_nothing_where_nothing_varies() -> None:
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([["x"], ["y"]]) is None
    assert krippendorff_alpha([["x", "x"], ["x", "x"]]) is None


def test_raters_who_agree_twice_and_differ_once() -> None:
    rankings = [
        a_ranking([["a"], ["b"], ["c"]], rater="ana"),
        a_ranking([["a"], ["c"], ["b"]], rater="ben"),  # b and c the other way round
        a_ranking([["a"], ["d"]], rater="cem"),  # alone on what it compares
    ]
    verdicts, _ = verdicts_from(rankings, [], [*ALL, a_completion("d", prompt="p", answer="d")])
    alpha, compared = agreement_between(verdicts)
    # 3 comparisons, 6 values; better and worse 3 each by symmetry: expected (36 - 9 - 9) / 5 = 3.6;
    # observed: one comparison with both, (4 - 2) / 1 = 2. alpha = 1 - 2 / 3.6
    assert compared == 3
    assert alpha == pytest.approx(1 - 2 / 3.6)


def test_raters_who_always_agree_have_an_alpha_of_one_even_on_a_single_comparison() -> None:
    rankings = [a_ranking([["a"], ["b"]], rater=rater) for rater in ("ana", "ben")]
    verdicts, _ = verdicts_from(rankings, [], ALL)
    assert agreement_between(verdicts) == (1.0, 1)


def test_a_tie_disagrees_with_a_preference() -> None:
    rankings = [a_ranking([["a"], ["b"]], rater="ana"), a_ranking([["a", "b"]], rater="ben")]
    verdicts, _ = verdicts_from(rankings, [], ALL)
    # values {1, 0}: observed 2; totals better 0.5, worse 0.5, tied 1: expected (4 - 0.25 - 0.25 - 1) / 1 = 2.5
    assert agreement_between(verdicts)[0] == pytest.approx(1 - 2 / 2.5)


def test_self_agreement_counts_the_comparisons_of_a_repeat_decided_alike() -> None:
    first = a_ranking([["a"], ["b"], ["c"]], ended="2026-02-01", ended_by="superseded")
    again = a_ranking([["a"], ["c"], ["b"]], repeat_of=first.id)
    # a over b and a over c again, b and c turned: 2 of 3
    share = self_agreement([again, first], ALL)
    assert (share.value, share.n) == (pytest.approx(2 / 3), 3)
    assert self_agreement([first], ALL).n == 0
    undone = a_ranking([["a"], ["b"], ["c"]], repeat_of=first.id, ended="2026-02-02", ended_by="undone")
    assert self_agreement([undone, first], ALL).n == 0
    tied = a_ranking([["a", "b"]], repeat_of="t")
    assert self_agreement([tied, a_ranking([["a", "b"]], id="t")], ALL).value == 1.0


def test_length_bias_is_the_share_of_pairs_where_the_longer_text_won() -> None:
    texts = {"s": "one", "m": "one two", "l": "one two three", "n": "two one"}
    completions = [a_completion(id, prompt="p", answer=text) for id, text in texts.items()]
    pairs, _ = pairs_from([a_ranking([["l"], ["s"], ["m", "n"]])], [], completions)
    # l over s, l over m, l over n: longer; s over m, s over n: shorter; m and n are tied
    share = longer_chosen(pairs)
    assert (share.value, share.n) == (pytest.approx(3 / 5), 5)


def test_an_earlier_ranking_comes_back_one_time_in_ten_but_not_the_latest_nor_twice() -> None:
    rankings = [a_ranking([["a"], ["b"]], id=f"k{i}") for i in range(6)]
    rng = random.Random(0)
    drawn = [due_for_repeat(rankings, "ana", rng) for _ in range(2000)]
    assert 150 < sum(found is not None for found in drawn) < 250
    assert {found.id for found in drawn if found} == {"k3", "k4", "k5"}
    repeated = a_ranking([["a"], ["b"]], repeat_of="k4")
    found = {due_for_repeat([repeated, *rankings], "ana", rng, one_in=1) for _ in range(50)}
    assert {ranking.id for ranking in found if ranking} == {"k3", "k5"}
    assert due_for_repeat(rankings, "ana", rng, one_in=0) is None
    assert due_for_repeat(rankings, "ben", rng, one_in=1) is None


def test_stats_put_everything_in_one_record() -> None:
    first = a_ranking([["a"], ["b"]])
    rankings = [a_ranking([["a"], ["b"]], repeat_of=first.id), first, a_ranking([["a"], ["b"]], rater="ben")]
    ratings = [a_rating("a", "up"), a_rating("c", "down"), a_rating("b", "down", ended="x", ended_by="undone")]
    stats = stats_of(rankings, ratings, ALL)
    assert (stats.completions, stats.up, stats.down, stats.rankings, stats.repeats) == (3, 1, 1, 3, 1)
    assert stats.raters == {"ana": 4, "ben": 1}
    assert (stats.pairs, stats.pair_weight) == (2, 3.0)  # a over b by two raters, a over c by thumbs
    assert stats.unpaired == {}
    assert stats.self_agreement.value == 1.0
    assert (stats.alpha, stats.compared) == (1.0, 1)
    assert stats.longer_chosen.n == 0
