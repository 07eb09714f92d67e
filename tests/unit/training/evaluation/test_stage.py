"""Judging summaries: from a file, from the first turns, from a real model; and two of them side by side."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import DataMissing, Interrupted, ModelMissing, UsageError
from assistant.records import GenerationSettings
from training.evaluation import comparison
from training.evaluation import stage as evaluation
from training.evaluation.config import CompareConfig, EvaluateConfig
from training.evaluation.metrics import METRICS
from training.evaluation.summaries import read_cases
from training.runs import tables
from training.runs.job import Job
from training.runs.run import StopRequested

ROWS = [
    {"id": "a", "dialogue": "Ann: Lunch at two?\nBob: Yes, at two.", "summary": "Ann and Bob meet for lunch at two."},
    {"id": "b", "dialogue": "Ann: Is it raining?\nBob: No.", "summaries": ["It is not raining.", "Bob sees no rain."]},
    {"id": "c", "dialogue": "Bob: I lost my key.", "summary": "Bob lost his key."},
]
GREEDY = GenerationSettings(decoding="greedy", max_new_tokens=12)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lines(tmp_path / "data.jsonl", ROWS)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def predictions(path: Path, *texts: str) -> Path:
    return lines(path, [{"id": row["id"], "summary": text} for row, text in zip(ROWS, texts, strict=True)])


def evaluate(data: Path, model: str = "", out: Path | None = None, **settings: Any) -> dict[str, Any]:
    settings = {"learned": False} | settings
    config = EvaluateConfig(**settings)
    return evaluation.run(Job(stage="evaluate", config=config, data=(data,), model=model, out=out))


def compare(data: Path, first: Path | str, second: Path | str, **settings: Any) -> dict[str, Any]:
    operands = (str(first), str(second))
    return comparison.run(
        Job(stage="compare", config=CompareConfig(**{"learned": False, **settings}), data=(data,), operands=operands)
    )


def test_a_file_of_predictions_is_judged_with_every_documented_key(data: Path, tmp_path: Path) -> None:
    perfect = predictions(tmp_path / "p.jsonl", "Ann and Bob meet for lunch at two.", "It is raining.", "Bob lost it.")
    result = evaluate(data, predictions=perfect)
    documented = "model n rouge1 rouge2 rougeL bleu words_median unsupported_rate toxicity ci"
    assert set(documented.split()) <= set(result)
    assert result["n"] == 3
    # Case a: 100. Case b, first reference: "it is raining" of "it is not raining", P 1, R 3/4, F1 6/7; second: "rain"
    # alone is shared once stemmed, P 1/3, R 1/4, F1 2/7; mean 4/7. Case c: "bob lost" of 3 and 4, F1 4/7.
    assert result["rouge1"] == pytest.approx(100 * (1 + 4 / 7 + 4 / 7) / 3)
    assert result["words_median"] == 3
    assert result["unsupported_rate"] == 0
    assert result["toxicity"] is None


def test_every_figure_lies_in_its_interval(data: Path) -> None:
    result = evaluate(data, model="lead-1")
    assert set(result["ci"]) == {name for metric in METRICS.values() for name in metric.figures}
    for name, (low, high) in result["ci"].items():
        assert low <= result[name] <= high or name == "bleu"


def test_lead_baselines_copy_the_first_turns_with_their_speakers(data: Path, tmp_path: Path) -> None:
    evaluate(data, model="lead-1", out=tmp_path / "one.jsonl")
    evaluate(data, model="lead-3", out=tmp_path / "three.jsonl")
    one, three = ((tmp_path / name).read_text().splitlines() for name in ("one.jsonl", "three.jsonl"))
    assert json.loads(one[0]) == {"id": "a", "summary": "Ann: Lunch at two?", "model": "lead-1"}
    assert json.loads(three[0])["summary"] == "Ann: Lunch at two? Bob: Yes, at two."


def test_written_predictions_give_the_same_figures_when_read_back(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    first = evaluate(data, model="lead-3", out=out)
    second = evaluate(data, predictions=out)
    assert {name: first[name] for name in first["ci"]} == {name: second[name] for name in second["ci"]}
    assert second["model"] == "lead-3"


@pytest.mark.usefixtures("minilm")
def test_a_model_is_asked_through_its_engine_and_the_swap_is_judged(data: Path, tiny_model: Path) -> None:
    seen: list[float] = []

    def report(figures: Mapping[str, float]) -> None:
        seen.append(figures["fraction"])

    job = Job(
        stage="evaluate",
        config=EvaluateConfig(generation=GREEDY, backend="ctranslate", swap=True, threads=1),
        data=(data,),
        model=str(tiny_model),
        report=report,
    )
    result = evaluation.run(job)
    assert result["backend"] == "ctranslate"
    assert result["summaries_per_second"] == pytest.approx(3 / result["seconds"])
    assert result["model"] == str(tiny_model)
    # The conversation of one speaker has nobody to be exchanged with.
    assert result["speaker_swap_n"] == 2
    assert 0 <= result["speaker_swap"] <= 1
    assert {"roles_right", "roles_right_n"} <= result.keys()
    assert seen[2] == 1.0
    assert seen[-1] == 1.0


def test_several_modes_share_one_table_and_write_one_file_each(data: Path, tmp_path: Path) -> None:
    result = evaluate(data, model="lead-1", modes="zero-shot,one-shot", out=tmp_path / "out.jsonl")
    assert list(result["modes"]) == ["zero-shot", "one-shot"]
    assert result["modes"]["one-shot"]["mode"] == "one-shot"
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.one-shot.jsonl", "out.zero-shot.jsonl"]
    assert "one-shot" in tables.evaluation(result).splitlines()[3]


def test_a_conversation_longer_than_the_window_is_summarized_in_parts(tmp_path: Path, tiny_model: Path) -> None:
    talk = "\n".join(f"{name}: The review moves to Friday." for name in ("Maya", "Tom") * 40)
    data = lines(tmp_path / "long.jsonl", [{"dialogue": talk, "summary": "It moves."}, ROWS[0]])
    result = evaluate(data, model=str(tiny_model), generation=GREEDY, backend="ctranslate", out=tmp_path / "o.jsonl")
    assert result["in_parts"] == 1
    assert "\n\n" in json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])["summary"]


def test_an_evaluation_that_is_stopped_says_that_nothing_is_kept(data: Path, tiny_model: Path) -> None:
    stop = StopRequested()
    stop.requested = True
    job = Job(
        stage="evaluate",
        config=EvaluateConfig(generation=GREEDY, backend="ctranslate"),
        data=(data,),
        model=str(tiny_model),
        stop=stop,
    )
    with pytest.raises(Interrupted, match="not saved"):
        evaluation.run(job)


@pytest.mark.parametrize(
    "row", [{"dialogue": "A: hi"}, {"dialogue": "", "summary": "x"}, {"dialogue": "A", "summaries": []}]
)
def test_a_row_without_a_summary_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="row 2"):
        read_cases([lines(tmp_path / "bad.jsonl", [ROWS[0], row])])


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"row 2.*'a'"):
        read_cases([lines(tmp_path / "twice.jsonl", [ROWS[0], ROWS[0]])])


def test_rows_without_ids_are_numbered_across_files(tmp_path: Path) -> None:
    row = {"dialogue": "A: hi", "summary": "x"}
    paths = [lines(tmp_path / name, [row, row]) for name in ("one.jsonl", "two.jsonl")]
    assert [case.id for case in read_cases(paths)] == ["0", "1", "2", "3"]
    assert len(read_cases(paths, at_most=3)) == 3


def test_what_cannot_be_judged_is_refused_in_a_sentence(data: Path, tmp_path: Path) -> None:
    partly = lines(tmp_path / "partly.jsonl", [{"id": "a", "summary": "x"}])
    with pytest.raises(DataMissing, match="2 of 3 conversations, such as 'b'"):
        evaluate(data, predictions=partly)
    with pytest.raises(UsageError, match="unknown mode 'zero'"):
        evaluate(data, model="lead-1", modes="zero")
    with pytest.raises(UsageError, match="drop --model"):
        evaluate(data, model="lead-1", predictions=partly)
    with pytest.raises(ModelMissing):
        evaluate(data, model="no-such-model")
    with pytest.raises(DataMissing, match="no data"):
        evaluation.run(Job(stage="evaluate", config=EvaluateConfig(), model="lead-1"))


def test_a_comparison_pairs_the_cases_and_counts_wins(data: Path, tmp_path: Path) -> None:
    first = predictions(tmp_path / "a.jsonl", "Nobody eats.", "Bob sees no rain.", "Bob lost his key.")
    second = predictions(tmp_path / "b.jsonl", "Ann and Bob meet for lunch at two.", "Rain.", "Bob lost his key.")
    result = compare(data, first, second, show=2)
    row = result["figures"]["rouge1"]
    assert (row["win"], row["loss"], row["tie"]) == (1, 1, 1)
    assert row["difference"] == pytest.approx(row["second"] - row["first"])
    assert row["ci"][0] <= row["difference"] <= row["ci"][1]
    assert [found["id"] for found in result["largest"]] == ["a", "b"]
    assert result["largest"][0]["difference"] == pytest.approx(100)
    assert "win" not in result["figures"]["words_median"]
    assert "win" not in result["figures"]["bleu"]


def test_fewer_inventions_are_a_win(data: Path, tmp_path: Path) -> None:
    first = predictions(tmp_path / "a.jsonl", "Zoe eats.", "No.", "Zoe lost it.")
    second = predictions(tmp_path / "b.jsonl", "Ann eats.", "No.", "Zoe lost it.")
    row = compare(data, first, second)["figures"]["unsupported_rate"]
    assert (row["win"], row["loss"], row["tie"]) == (1, 0, 2)
    assert row["difference"] == pytest.approx(-1 / 3)


def test_the_same_summaries_differ_in_nothing(data: Path) -> None:
    result = compare(data, "lead-1", "lead-1")
    assert all(row["difference"] == 0 and row["ci"] == (0, 0) for row in result["figures"].values())


def test_comparing_by_an_unknown_figure_names_the_known_ones(data: Path) -> None:
    with pytest.raises(UsageError, match="rouge1, rouge2"):
        compare(data, "lead-1", "lead-3", by="bleu")


def test_tables_show_rates_with_three_decimals_and_other_figures_with_one(data: Path) -> None:
    text = tables.comparison(compare(data, "lead-1", "lead-3", show=1))
    assert "unsupported_rate  0.000" in text
    assert text.count("reference  ") == 1
    assert tables.evaluation(evaluate(data, model="lead-1")).startswith("lead-1, 3 conversations")
