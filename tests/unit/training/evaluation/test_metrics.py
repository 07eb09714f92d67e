"""Metrics against numbers worked out by hand."""

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from training.evaluation.metrics import METRICS, Case
from training.evaluation.metrics.bootstrap import interval, intervals, resamples
from training.evaluation.metrics.faithfulness import exchange, follows_swap, says_who
from training.evaluation.metrics.overlap import rouge


def a_case(prediction: str, *references: str, dialogue: str = "Ann: Hello.", finished: str = "end") -> Case:
    return Case("1", dialogue, references, prediction, finished)  # type: ignore[arg-type]


def figures(name: str, *cases: Case) -> dict[str, float]:
    metric = METRICS[name]
    scores = np.array([metric.score(case) for case in cases])
    return dict(zip(metric.figures, metric.pool(scores), strict=True))


def test_rouge_is_the_f1_of_shared_words_pairs_and_the_longest_common_order() -> None:
    # Words: 2 of 3 on either side, F1 2/3. Pairs: 1 of 2 on either side, F1 1/2. Longest common order: "the cat", 2/3.
    found = figures("rouge", a_case("the cat sat", "the cat lay"))
    assert found["rouge1"] == pytest.approx(200 / 3)
    assert found["rouge2"] == pytest.approx(50)
    assert found["rougeL"] == pytest.approx(200 / 3)


def test_rouge_weighs_precision_and_recall_alike() -> None:
    # Precision 2/2, recall 2/6: F1 = 2 * 1 * (1/3) / (4/3) = 1/2.
    assert rouge(a_case("the cat", "the cat sat on a mat"))[0] == pytest.approx(50)


def test_rouge_stems_words() -> None:
    assert rouge(a_case("walked", "walks"))[0] == pytest.approx(100)


def test_rouge_is_the_mean_over_the_references() -> None:
    # 2/3 against the first, nothing shared with the second.
    assert rouge(a_case("the cat sat", "the cat lay", "my dog"))[0] == pytest.approx(100 / 3)


def test_rouge_lsum_does_not_mind_the_order_of_sentences() -> None:
    # As one sequence only three words keep their order, 3/6; sentence by sentence all do.
    case = a_case("One two three. Four five six.", "Four five six. One two three.")
    assert rouge(case)[2:] == pytest.approx((50, 100))


def test_bleu_multiplies_the_precisions_of_word_runs() -> None:
    # 5/6 words, 3/5 pairs, 2/4 triples, 1/3 quadruples; same length, so no penalty: (1/12) ** (1/4) = 0.53728.
    found = figures("bleu", a_case("the cat sat on a mat", "the cat sat on the mat"))
    assert found["bleu"] == pytest.approx(53.728, abs=1e-3)


def test_bleu_is_lower_for_a_summary_that_is_shorter_than_its_reference() -> None:
    # Every word run is right; 5 words for 6: exp(1 - 6/5) = 0.81873.
    assert figures("bleu", a_case("the cat sat on the", "the cat sat on the mat"))["bleu"] == pytest.approx(81.873)


def test_bleu_of_several_cases_is_that_of_the_whole_set() -> None:
    cases = [
        a_case("the cat sat on a mat today", "the cat sat on the mat", "a cat sat on a mat"),
        a_case("Ann and Bob meet for lunch", "Ann meets Bob for lunch at noon", "lunch"),
    ]
    whole = BLEU().corpus_score(
        [case.prediction for case in cases], [[case.references[i] for case in cases] for i in (0, 1)]
    )
    assert figures("bleu", *cases)["bleu"] == pytest.approx(whole.score)


def test_bleu_of_empty_summaries_is_zero() -> None:
    assert figures("bleu", a_case("", "the cat"))["bleu"] == 0


def test_length_is_the_median_number_of_words() -> None:
    cases = [a_case(text, "x") for text in ("one", "one two three", "one two three four five")]
    assert figures("length", *cases)["words_median"] == 3


def test_unsupported_is_the_share_of_summaries_that_invent_a_name_or_number() -> None:
    dialogue = "Ann: Lunch at two?\nBob: Yes."
    texts = ("Ann and Bob have lunch at 2.", "Ann and Tom have lunch.", "Bob eats at 3.", "They have lunch.")
    cases = [a_case(text, "x", dialogue=dialogue) for text in texts]
    assert figures("unsupported", *cases)["unsupported_rate"] == 0.5


def test_coverage_is_the_mean_share_of_what_matters() -> None:
    dialogue = "Ann: The boiler is broken.\nBob: Call Mr Okafor on Monday."
    said, half = a_case("The boiler is broken. Call Mr Okafor on Monday.", "x", dialogue=dialogue), a_case("", "x")
    alone = figures("coverage", said)["coverage"]
    assert alone == pytest.approx(1.0)
    assert figures("coverage", said, half)["coverage"] == pytest.approx(0.5)


def test_repetition_is_four_words_in_a_row_that_come_again() -> None:
    cases = [a_case(text, "x") for text in ("a b c d e a b c d", "a b c d a b c", "we go and We go and we go")]
    # Yes; no, three words only; yes, whatever the case of the letters.
    assert figures("repetition", *cases)["repeated"] == pytest.approx(2 / 3)


def test_a_summary_is_cut_off_where_the_limit_ended_it_or_no_mark_ends_it() -> None:
    cases = [
        a_case("Ann eats.", "x"),
        a_case("Ann eats and", "x"),
        a_case("Ann eats.", "x", finished="length"),
        a_case("", "x"),
    ]
    assert figures("cut_off", *cases)["cut_off"] == 0.5
    assert figures("empty", *cases)["empty"] == 0.25


def test_copied_is_the_share_of_runs_of_four_words_from_the_conversation() -> None:
    # "we meet at the", "meet at the old", "at the old house": the first two stand there.
    case = a_case("we meet at the old house", "x", dialogue="Ann: We meet at the old mill.")
    assert figures("copied", case)["copied"] == pytest.approx(2 / 3)


def test_every_metric_says_what_it_is_and_scores_an_empty_summary() -> None:
    names = [name for metric in METRICS.values() for name in metric.figures]
    assert len(names) == len(set(names))
    for key, metric in METRICS.items():
        assert metric.about
        assert all(np.isfinite(value) for value in figures(key, a_case("", "the cat")).values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Person1# asks #Person2#.", "#Person2# asks #Person1#."),
        ("#Person1#'s dog", "#Person2#'s dog"),
        ("#Person12# stays", "#Person12# stays"),
    ],
)
def test_exchanging_speakers_exchanges_their_tags(text: str, expected: str) -> None:
    assert exchange(text, "#Person1#", "#Person2#") == expected


def test_exchanging_speakers_takes_whole_names_only() -> None:
    assert exchange("Ann calls Anna's sister Annabel.", "Ann", "Anna") == "Anna calls Ann's sister Annabel."


def test_a_summary_follows_the_swap_where_it_exchanges_who_did_what() -> None:
    original = "Ann asks Bob for money."
    assert follows_swap(original, "Bob asks Ann for money.", ("Ann", "Bob"))
    assert not follows_swap(original, "Ann asks Bob for money.", ("Ann", "Bob"))
    assert not follows_swap("They talk about money.", "They talk about money.", ("Ann", "Bob"))


def test_who_did_it_is_told_by_the_nearer_of_both_references() -> None:
    def case(prediction: str, *references: str) -> Case:
        return Case("1", "Ann: Money?\nBob: No.", references, prediction)

    two = ("Ann", "Bob")
    # Pairs of words shared with "Ann asks Bob for money" and with it exchanged: 3 and 1, 1 and 3, 2 and 2.
    assert says_who(case("Ann asks Bob for help", "Ann asks Bob for money"), two) is True
    assert says_who(case("Bob asks Ann for help", "Ann asks Bob for money"), two) is False
    assert says_who(case("They ask for money", "Ann asks Bob for money"), two) is None
    # Two references, one either way: neither is nearer.
    assert says_who(case("Ann asks Bob for help", "Ann asks Bob for money", "Bob asks Ann for money"), two) is None


def test_a_resample_draws_all_cases_of_a_conversation_together() -> None:
    seen = set()
    for indices in resamples(["a", "a", "b"], 50):
        counts = np.bincount(indices, minlength=3)
        assert counts[0] == counts[1]
        assert counts[0] + counts[2] == 2
        seen.add(int(counts[0]))
    assert seen == {0, 1, 2}


def test_resamples_are_the_same_every_time() -> None:
    first, second = ([list(i) for i in resamples(["a", "b", "c"], 5)] for _ in range(2))
    assert first == second


def test_an_interval_is_the_middle_95_percent() -> None:
    assert interval([float(i) for i in range(101)]) == pytest.approx((2.5, 97.5))


def test_writing_every_case_twice_makes_an_interval_no_narrower() -> None:
    # The standard error of a share of one half over 400 conversations is 0.5 / 20 = 0.025: 3.92 of them are 0.098.
    values = np.tile([[0.0], [1.0]], (200, 1))
    names = [str(i) for i in range(400)]

    def mean(scores: np.ndarray) -> tuple[float, ...]:
        return (float(scores.mean()),)

    once = intervals(values, mean, names)[0]
    twice = intervals(np.concatenate([values, values]), mean, names * 2)[0]
    assert once[1] - once[0] == pytest.approx(0.098, abs=0.01)
    assert twice[1] - twice[0] == pytest.approx(0.098, abs=0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_metric_is_an_offline_metric_of_the_evaluate_library() -> None:
    from training.evaluation.metrics import offline

    predictions, references = ["the cat sat", "my dog"], [["the cat lay"], ["my dog", "a dog"]]
    for name, metric in METRICS.items():
        computed = offline.load(name).compute(
            predictions=predictions, references=references, sources=["Ann: The cat.", "Bob: My dog."]
        )
        cases = [
            Case(str(i), source, tuple(reference), prediction)
            for i, (prediction, reference, source) in enumerate(
                zip(predictions, references, ["Ann: The cat.", "Bob: My dog."], strict=True)
            )
        ]
        assert set(computed) == set(metric.figures)
        assert computed == pytest.approx(figures(name, *cases))
    one = offline.load("rouge").compute(predictions=["the cat sat"], references=["the cat lay"])
    assert one["rouge1"] == pytest.approx(200 / 3)
    import evaluate

    both = evaluate.combine([offline.load("rouge"), offline.load("length")])
    assert {"rouge1", "words_median"} <= set(both.compute(predictions=["the cat"], references=["the cat"]))
