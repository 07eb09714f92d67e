"""The preference formats of TRL, and others' files, are learnt from as our own lines are."""

import csv
import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from trl.data_utils import extract_prompt

from assistant.feedback.sharing.lines import plain
from tests.unit.training.prefer.prefer_runs import BAD, GOOD, QUICK, pair_rows, run_stage, write_rows
from training.cli import run as run_line
from training.prefer.examples import read_preferred

PROMPT = "Maya: The review moves to Friday.\nTom: Yes."


def _turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


_ASKED = [_turn("user", PROMPT)]
_SHAPES: dict[str, dict[str, Any]] = {
    "explicit": {"prompt": PROMPT, "chosen": GOOD, "rejected": BAD},
    "explicit chat": {
        "prompt": _ASKED,
        "chosen": [_turn("assistant", GOOD)],
        "rejected": [_turn("assistant", BAD)],
    },
    "implicit chat": {
        "chosen": [*_ASKED, _turn("assistant", GOOD)],
        "rejected": [*_ASKED, _turn("assistant", BAD)],
    },
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_every_shape_of_a_pair_is_the_same_pair(shape: str, tmp_path: Path) -> None:
    (pair,) = read_preferred([write_rows(tmp_path / "pairs.jsonl", [_SHAPES[shape]])]).pairs
    assert (pair.prompt, pair.chosen, pair.rejected) == (PROMPT, GOOD, BAD)


def test_the_implicit_prompt_of_messages_is_trl_s() -> None:
    row = _SHAPES["implicit chat"]
    assert plain(extract_prompt(row)) == plain(row)


def test_the_implicit_prompt_of_texts_ends_with_the_speaker_who_answers() -> None:
    before = "\n\nHuman: Is it ready?\n\nAssistant:"
    row = {"chosen": f"{before} It is ready.", "rejected": f"{before} It is not."}
    # Both go on with "It is", which is no part of the question; TRL would cut there.
    assert plain(row) == {"prompt": before, "chosen": " It is ready.", "rejected": " It is not."}
    alike = {"chosen": "It is ready.", "rejected": "It is not."}
    assert plain(alike) == alike, "words that two answers begin with are no prompt"


def test_unpaired_rows_are_thumbs_in_chat_and_in_text(tmp_path: Path) -> None:
    rows = [
        {"prompt": _ASKED, "completion": [_turn("assistant", GOOD)], "label": True},
        {"prompt": PROMPT, "completion": BAD, "label": False},
    ]
    found = read_preferred([write_rows(tmp_path / "thumbs.jsonl", rows)])
    # A thumb up and one down on the same prompt are a pair.
    assert [(pair.chosen, pair.rejected) for pair in found.pairs] == [(GOOD, BAD)]
    one = read_preferred([write_rows(tmp_path / "one.jsonl", rows[:1])])
    assert [(label.completion, label.label) for label in one.labels] == [(GOOD, True)]


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv", "saved", "pairs.json"])
def test_the_stage_takes_any_format_under_other_column_names(
    name: str, model: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"talk": row["dialogue"], "better": row["chosen"], "worse": row["rejected"]} for row in pair_rows()]
    place = tmp_path / name
    if name.endswith(".csv"):
        with place.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["talk", "better", "worse"])
            writer.writeheader()
            writer.writerows(rows)
    elif name.endswith(".json"):
        place.write_text(json.dumps(rows))
    elif name.endswith(".parquet"):
        datasets.Dataset.from_list(rows).to_parquet(str(place))
    else:
        datasets.Dataset.from_list(rows).save_to_disk(str(place))
    named = "--columns=dialogue=talk,chosen=better,rejected=worse"
    words = [f"--model={model}", f"--data={place}"]
    plan = run_stage(capsys, *words, named, "--dry-run")
    assert plan["examples"]["learnt"] == 11 and plan["reads"][0]["rows"] == 12
    assert plan["reads"][0]["file"] == str(place) and not list(home.rglob("*.jsonl"))
    result = run_stage(capsys, *words, named, *QUICK, f"--out={tmp_path / 'out'}")
    assert result["learnt"] == 11
    # The run has rows of its own: it goes on though the source is gone.
    assert run_stage(capsys, "--resume", result["run"])["run"] == result["run"]
    for more in ([], ["--dry-run"]):
        assert run_line(["prefer", *words, "--columns=dialogue=text", *more]) == 2
        assert "has no column 'text'; it has talk, better, worse" in capsys.readouterr().err
