"""`assistant-train sft` as it is called: rows in, a registered version out, and errors that say what to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing, Interrupted, UsageError
from assistant.feedback.store import Store
from assistant.locations import runs_dir
from assistant.models import registry
from assistant.models.registry import resolve
from assistant.models.versions import read_facts
from assistant.records import Completion, GenerationSettings
from assistant.settings import load_settings
from tests.tiny_models import LESSONS, TAGGED_TALK, build_tiny_model, copy_tagged_model
from training import cli
from training.runs.data.datasets import read_rows
from training.runs.job import Job
from training.runs.run import StopRequested
from training.sft import stage as sft
from training.sft.config import SftConfig
from training.sft.examples import (
    Lesson,
    lesson_of,
    mixed,
    other_tasks,
    part,
    phrased,
    rated_rows,
    reasoning,
)

pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]
ROWS = [
    {"id": str(i), "dialogue": f"{dialogue}\nMaya: That is all, part {i}.", "summary": summary}
    for i, (dialogue, summary) in enumerate(list(LESSONS.items()) * 5)
]


@pytest.fixture(autouse=True)
def bundled(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pocket of the test's own."""
    folder = build_tiny_model(tmp_path_factory.mktemp("bundled") / "tiny")
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    return folder


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tune(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = cli.run(["sft", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


QUICK = ["--max-steps=2", "--save-every=2", "--batch-size=2", "--show-every=0", "--threads=1", "--model=pocket"]


def quick(*words: str, judge: int = 0) -> list[str]:
    """A run of two steps; what stands in `words` wins."""
    named = {word.partition("=")[0] for word in words}
    return [*(word for word in QUICK if word.partition("=")[0] not in named), f"--judge={judge}", *words]


def test_rows_become_a_version_with_its_gain_and_what_it_forgot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "train.jsonl", ROWS)
    others = write(tmp_path / "other.jsonl", [{"input": "Say yes.", "target": "yes"}] * 3)
    code, result = tune(
        capsys, *quick("--data", str(data), "--forgetting", str(others), "--replay", str(others), judge=2)
    )
    assert code == 0
    assert (result["version"], result["base"], result["method"], result["parent"]) == ("v1", "pocket", "lora", None)
    assert result["gain"]["n"] == 1  # a tenth of ten conversations
    assert result["forgetting"]["other"]["n"] == 3
    assert {"first", "second", "difference", "ci"} <= set(result["gain"]["rouge1"])
    facts = read_facts("v1")
    assert facts is not None
    assert (facts.run, facts.trained_parameters) == (result["run"], result["trained_parameters"])
    assert facts.figures["rouge1_gain"] == result["gain"]["rouge1"]["difference"]
    assert facts.figures["rouge1_change_on_other"] == result["forgetting"]["other"]["rouge1"]["difference"]
    assert Path(result["curves"]).read_bytes().startswith(b"\x89PNG")
    # Its adapter is trained further: the same base, one adapter.
    code, further = tune(capsys, *quick("--data", str(data), "--model=v1"))
    assert (code, further["version"], further["base"], further["parent"]) == (0, "v2", "pocket", "v1")
    # Changed data: refused, by name.
    write(data, ROWS[:-1])
    code, refused = tune(capsys, "--resume", further["run"])
    assert code == 2
    assert "other content in" in refused["error"]
    assert "train.jsonl" in refused["error"]


def test_a_soft_prompt_and_full_weights_become_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "train.jsonl", ROWS)
    code, result = tune(capsys, *quick("--data", str(data), "--method", "prompt-tuning", "--virtual-tokens", "3"))
    assert (code, result["trained_parameters"]) == (0, 3 * 32)
    assert resolve("v1", load_settings()).soft_prompt
    code, result = tune(capsys, *quick("--data", str(data), "--method", "full"))
    assert (code, result["version"], result["gain"]) == (0, "v2", None)
    code, refused = tune(capsys, *quick("--data", str(data), "--model=v1"))
    assert (code, "soft prompt" in refused["error"]) == (2, True)


def test_a_teacher_writes_what_is_learnt_and_a_stop_keeps_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft, "_TAUGHT_AT_ONCE", 4)
    data = write(tmp_path / "train.jsonl", [{"dialogue": row["dialogue"]} for row in ROWS])
    dev = write(tmp_path / "dev.jsonl", [{"dialogue": "Tom: Bye.", "summary": "Tom leaves."}])
    stop = StopRequested()
    told: list[object] = []

    def report(figures: object) -> None:
        told.append(figures)
        stop.requested = len(told) > 4  # in the second four

    config = SftConfig(teacher="pocket", max_steps=2, save_every=2, batch_size=2, show_every=0, threads=1, judge=0)
    job = Job(stage="sft", config=config, data=(data,), dev=dev, model="pocket", stop=stop, report=report)
    with pytest.raises(Interrupted, match="--resume"):
        sft.run(job)
    (taught,) = runs_dir().glob("*/teacher.jsonl")
    assert len(list(read_rows(taught))) == 4
    kept = list(read_rows(taught))
    assert cli.run(["sft", "--resume", "--json"]) == 0
    out, err = capsys.readouterr()
    assert f"writes {len(ROWS) - 4} summaries" in err
    assert json.loads(out)["version"] == "v1"
    rows = list(read_rows(taught))
    assert len(rows) == len(ROWS)
    assert rows[:4] == kept


def test_a_run_stopped_while_it_is_judged_makes_no_second_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "train.jsonl", ROWS)
    stop = StopRequested()

    def report(figures: Mapping[str, float]) -> None:
        stop.requested = "loss" not in figures  # a summary was written

    config = SftConfig(max_steps=2, save_every=2, batch_size=2, show_every=0, threads=1, judge=1, forgetting_cases=4)
    with pytest.raises(Interrupted, match="the version was made and is kept"):
        sft.run(Job(stage="sft", config=config, data=(data,), model="pocket", stop=stop, report=report))
    assert cli.run(["sft", "--resume", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["version"], result["forgetting"]["other tasks"]["n"]) == ("v1", 4)
    assert [model.ref for model in registry.list_models() if model.kind == "version"] == ["v1"]


@pytest.mark.parametrize(
    ("rows", "code", "complaint"),
    [
        ([{"dialogue": "A: hi"}], 2, "row 1: needs a non-empty text field 'summary'"),
        ([ROWS[0], ROWS[0]], 2, "row 2: the id '0' is already used in an earlier row"),
        ([], 3, "has no rows"),
        ([ROWS[0]], 3, "no conversation is left to learn from"),
        ([{"dialogue": f"A: {i} " + "word " * 600, "summary": "B"} for i in range(3)], 3, "examples fits"),
    ],
)
def test_bad_rows_are_named(
    rows: list[dict[str, Any]], code: int, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "train.jsonl", rows)
    found, answer = tune(capsys, *quick("--data", str(data)))
    assert (found, answer["exit_code"]) == (code, code)
    assert complaint in answer["error"]


def test_no_data_at_all_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune(capsys)[1]["error"].startswith("sft needs --data FILE")
    assert "no answer is rated good yet" in tune(capsys, "--rated", "--model=pocket")[1]["error"]
    assert "--download" in tune(capsys, "--data", "nobody/nothing")[1]["error"]


def test_no_held_out_conversation_is_learnt_from_however_it_is_spaced() -> None:
    rows = [{"dialogue": f"A: hello {i // 2}" + " " * (i % 2), "summary": "x"} for i in range(20)]
    parted = part(rows, None, 0.3, 100, seed=1)
    # 10 conversations, 3 of them held out with both their rows.
    assert (len(parted.train), len(parted.held_out)) == (14, 6)
    assert not {row["dialogue"].strip() for row in parted.train} & {row["dialogue"].strip() for row in parted.held_out}
    assert part(rows, None, 0.3, 100, seed=1) == parted
    with_dev = part(rows, [{"dialogue": "a:  HELLO 3", "summary": "y"}], 0.3, 100, seed=1)
    assert (len(with_dev.train), with_dev.leaked) == (18, 2)


def test_each_row_is_put_in_one_of_the_wordings_and_reasons_where_it_can() -> None:
    rows = [{"dialogue": f"A: {i}", "summary": "B"} for i in range(60)]
    sources = [lesson.source for lesson in phrased(rows, "summary", every=True, seed=1)]
    endings = {source.replace(row["dialogue"], "") for source, row in zip(sources, rows, strict=True)}
    assert len(endings) == 7  # the seven phrasings of summary
    assert (
        len(
            {
                lesson.source.replace(r["dialogue"], "")
                for lesson, r in zip(phrased(rows, "summary", every=False, seed=1), rows, strict=True)
            }
        )
        == 1
    )
    plain, reasoned = phrased(
        [{"dialogue": "A: hi", "summary": "A greets.", "rationale": "A says hi."}], "summary", False, 1
    )
    assert plain.target == "A greets."
    assert "step by step" in reasoned.source
    assert reasoned.target == "A says hi. Therefore, the summary is: A greets."


def test_the_mixture_has_the_shares_that_were_asked_for(tmp_path: Path) -> None:
    own = [Lesson(f"own {i}", "x") for i in range(70)]
    replayed = [Lesson(f"old {i}", "x") for i in range(500)]
    # 70 are 0.7 of 100: 20 replayed, 10 reasoning.
    found = mixed(own, [(replayed, 0.2), (replayed[:5] * 10, 0.1)], seed=1)
    assert len(found) == 100
    with pytest.raises(UsageError, match="leave nothing"):
        mixed(own, [(replayed, 1.0)], seed=1)
    solved = write(tmp_path / "cot.jsonl", [{"question": "1 + 1?", "rationale": "One more is 2.", "answer": "2"}])
    assert reasoning(solved)[0] == Lesson(
        "1 + 1?\n\nLet's think step by step.\n", "One more is 2. Therefore, the answer is: 2"
    )
    assert other_tasks(write(tmp_path / "d.jsonl", ROWS[:1]))[0] == lesson_of(ROWS[0], "summary", None)


def test_ones_own_good_answers_are_learnt_from_with_their_exact_prompt() -> None:
    def completion(id: str, **given: Any) -> Completion:
        facts = {"prompt": f"prompt {id}", "answer": f"answer {id}", "mode": "zero-shot", "task": "summary"}
        more = {"prompt_version": "1", "model": "pocket", "backend": "ctranslate", "backend_version": "4"}
        return Completion(id=id, created=f"2026-01-0{id}", settings=GenerationSettings(), **{**facts, **more, **given})

    with Store.open() as store:
        store.completions.add([completion("1"), completion("2"), completion("3", prompt="one\ftwo")])
        with pytest.raises(DataMissing):
            rated_rows(store)
        for id, thumb in (("1", "up"), ("2", "down"), ("3", "up")):
            store.judgements.rate(id, thumb, rater="me")  # type: ignore[arg-type]
        assert rated_rows(store) == [{"id": "1", "prompt": "prompt 1", "dialogue": "prompt 1", "summary": "answer 1"}]
        # A ranking that it failed in outweighs its thumb.
        draft = {"draft_of": "a", "prompt": "prompt a"}
        store.completions.add([completion("4", **draft), completion("5", **draft), completion("6", **draft)])
        store.judgements.rate("6", "up", rater="me")
        store.judgements.rank([["5"], ["4"]], failed=["6"], rater="me")
        assert [row["id"] for row in rated_rows(store)] == ["1", "5"]


def test_a_model_that_reads_tags_learns_them_in_dialogue_and_summary(tmp_path: Path) -> None:
    folder = copy_tagged_model(tmp_path / "tagged")
    lesson = lesson_of({"dialogue": TAGGED_TALK.format("Ida", "Bo"), "summary": "Bo thanks Ida."}, "summary", None)
    tokenizer = ModelTokenizer(folder)

    example = sft._example(lesson, tokenizer, resolve(str(folder), load_settings()).speaker_tags)

    assert tokenizer.decode(example.target) == "#Person2# thanks #Person1#."
    assert "#Person2#: I'll book the room." in tokenizer.decode(example.source)
