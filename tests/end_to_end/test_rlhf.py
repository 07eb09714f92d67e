"""Ratings in, a proven model out: the loop as a person runs it, on a tiny T5, with every part real."""

import json
import math
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from assistant.errors import ModelMissing
from assistant.feedback.store import Store
from assistant.locations import models_dir, store_file
from assistant.models.registry import promoted_ref, resolve
from assistant.models.versions import promote, read_facts
from assistant.settings import Settings
from tests.tiny_models import build_tiny_model
from training.cli import run as train
from training.runs.lock import alone

pytestmark = pytest.mark.usefixtures("minilm")

_THINGS = ("report", "window", "ticket", "garden", "letter", "bridge")
_SMALL = (
    *("--max-steps", "4", "--batch-size", "8", "--max-new-tokens", "8", "--judge-every", "2", "--no-warm-start"),
    *("--gate-conversations", "24", "--provoking", "0", "--judge-prompts", "48"),
)
# A tiny random model says nothing that could be better: what is asked of it here is that the gate is reached.
_EASY = (
    *("--min-win-rate", "-1", "--min-conversations", "1", "--max-growth", "99", "--max-rouge-loss", "99"),
    *("--trial-below", "0", "--max-forgetting", "99", "--max-kl", "99"),
    *("--max-practice-loss", "99"),
    # So that the two models do not answer alike: ties decide nothing.
    *("--learning-rate", "0.03", "--kl-coefficient", "0.001", "--average", "0", "--anchor-weight", "0"),
)


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny model never ends a sentence: asked for no more than it was trained to say, it is judged by that."""
    monkeypatch.setenv("ASSISTANT_GENERATION_MAX_NEW_TOKENS", "8")


def rankings(path: Path, count: int, *, shuffled: int | None = None) -> Path:
    """`count` conversations with three answers, the shortest best, or in random order."""
    draw = random.Random(shuffled)
    lines = []
    for number in range(count):
        thing = _THINGS[number % len(_THINGS)]
        texts = [
            f"Tom brings the {thing}.",
            f"Maya asks Tom for the {thing} and Tom brings it.",
            f"Maya asks whether the {thing} is ready, and Tom says that it is and that he brings it at {number}.",
        ]
        if shuffled is not None:
            draw.shuffle(texts)
        dialogue = f"Maya: Is the {thing} ready on day {number}?\nTom: Yes, I'll bring the {thing} at {number}."
        lines.append(json.dumps({"dialogue": dialogue, "ranking": [[text] for text in texts]}))
    path.write_text("\n".join(lines) + "\n")
    return path


def loop(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON answer, and what was said on the way."""
    code = train(["rlhf", "--json", *arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]), err


def assistant(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=said, check=False)


def _tracked(home: Path) -> list[str]:
    """The stages of the runs whose figures a tracker got."""
    place = home / "state" / "runs" / "tracked" / "tensorboard"
    return sorted(run.name.partition("-")[0] for run in place.iterdir())


def test_ratings_become_a_model_that_answers(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    data = rankings(tmp_path / "ranks.jsonl", 40)
    assert assistant("feedback", "import", str(data)).returncode == 0

    # Without proof it stays with what there was, and says what failed and what to try.
    words = ("--model", str(model), "--dev", str(_conversations(tmp_path)), "--track", "tensorboard")
    code, found, err = loop(capsys, *words, *_SMALL)
    assert (code, _tracked(home)) == (4, ["ppo", "reward", "reward"])
    # Beside the reward it learns from the user's own summaries; without any, there is nothing to learn from.
    (inner,) = (home / "state" / "runs" / found["run"] / "ppo").glob("ppo-*/manifest.json")
    config = json.loads(inner.read_text())["config"]
    assert (Path(config["anchor"]).name, config["anchor_weight"]) == ("anchor.jsonl", 0.1)
    assert "in all" in err.splitlines()[0]
    assert (found["version"], found["promoted"], found["pairs"]["n"]) == ("v1", False, 120)
    assert found["reward"]["accuracy"] == 1.0
    assert found["error"].startswith(
        "v1 was not promoted: win rate not measured (lower bound above 50% on at least 300"
    )
    assert {"name", "value", "ci", "limit", "passed"} <= set(found["gate"]["checks"][0])
    assert promoted_ref() is None

    # The same run again with a gate that it can pass is another configuration.
    code, refused, _ = loop(capsys, "--resume", "--min-win-rate", "-1")
    assert (code, "other settings (gate)" in refused["error"]) == (2, True)

    # What was promoted is what the next candidate has to beat, whatever that was trained from.
    promote("v1")
    code, found, _ = loop(capsys, "--model", str(model), *_SMALL, *_EASY)
    if code == 4:
        found = _resumed_on_wins_alone(home / "state" / "runs" / found["run"], capsys)
    assert (found["version"], found["promoted"], found["gate"]["against"]) == ("v2", True, "v1"), found.get("error")
    assert promoted_ref() == "v2"
    unmeasured = [check["name"] for check in found["gate"]["checks"] if check["value"] == "not measured"]
    assert "toxicity, greedy" in unmeasured
    proof = json.loads((Path(resolve("v2", Settings()).folder) / "promotion.json").read_text())
    assert {"config", "seed", "data_hash", "versions", "checksums"} <= proof.keys()
    assert "adapter/adapter_model.safetensors" in proof["checksums"]
    run = home / "state" / "runs" / found["run"]
    assert "<table>" in (run / "report.html").read_text()

    # From the answer's model to the ratings, and from a rating to the models.
    why = json.loads(assistant("models", "why", "current", "--json").stdout)
    assert (why["version"], len(why["ratings"])) == ("v2", 40)
    assert "v2 passed the gate" in assistant("models", "why").stdout
    deleted = json.loads(assistant("feedback", "delete", why["ratings"][0], "--json").stdout)
    assert deleted["model_versions"] == ["v1", "v2"]

    done = assistant("models", "trial", "v2", "--data", str(_conversations(tmp_path)), "--json", said="1\n2\n=\n")
    held = json.loads(done.stdout)
    assert (held["against"], held["wins"] + held["losses"] + held["ties"]) == ("v1", 3)

    assert assistant("models", "rollback").returncode == 0
    assert promoted_ref() == "v1"


def test_a_resumed_gate_asks_what_the_split_says_and_never_what_ppo_practised_on(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    data, dev = rankings(tmp_path / "ranks.jsonl", 20), _conversations(tmp_path)
    code, found, _ = loop(capsys, "--model", str(model), "--data", str(data), "--dev", str(dev), *_SMALL)
    assert (code, found["gate"]["conversations"]) == (4, 24), found
    run = home / "state" / "runs" / found["run"]
    # Earlier versions wrote fewer figures, and others, into the stages' files.
    for stage, gone in (("samples", "price_of_a_word"), ("ppo", "method"), ("reward", "calibration_error")):
        place = run / "stages" / f"{stage}.json"
        written = json.loads(place.read_bytes())
        del written[gone]
        place.write_text(json.dumps({**written, "once": 1.5}))
    split = json.loads((run / "split.json").read_bytes())
    # Nor does it look at a version whose facts cannot be read, when it looks for its own.
    shutil.copytree(models_dir() / "v1", models_dir() / "damaged")
    (models_dir() / "damaged" / "version.json").write_text("{")
    for stage in ("version", "proof"):
        (run / "stages" / f"{stage}.json").unlink()
    (run / "split.json").write_text(json.dumps({**split, "gate": split["gate"][:5]}))
    code, found, _ = loop(capsys, "--resume")
    assert (code, found["version"], found["gate"]["conversations"]) == (4, "v1", 5)
    assert (found["ppo"]["method"], "calibration_error" in found["reward"]) == ("ppo", False)
    planted = {"prompt": split["ppo"][0].replace(": ", ":  "), "cluster": "planted"}
    (run / "split.json").write_text(json.dumps({**split, "gate": [*split["gate"], planted]}))
    code, refused, _ = loop(capsys, "--resume")
    assert (code, refused["error"].count("\n")) == (1, 0)
    assert refused["error"].startswith("a conversation is among the reward's ratings and among the gate's questions")


@pytest.mark.parametrize(
    "method",
    # The slow ones take the same path as the one before them.
    [
        "kto",
        pytest.param("dpo", marks=pytest.mark.slow),
        "best-of-n",
        "grpo",
        pytest.param("rloo", marks=pytest.mark.slow),
    ],
)
def test_other_methods_make_a_candidate_that_stands_the_same_gate(
    method: str, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    assert assistant("feedback", "import", str(rankings(tmp_path / "ranks.jsonl", 40))).returncode == 0
    thumbs = tmp_path / "thumbs.jsonl"
    thumbs.write_text(
        json.dumps({"dialogue": "Ann: Rated once.\nBen: Yes.", "completion": "Yes.", "label": True}) + "\n"
    )
    assert assistant("feedback", "import", str(thumbs)).returncode == 0
    words = ("--model", str(model), "--method", method, "--drafts", "2", "--prompts", "12", *_SMALL, *_EASY)
    code, found, err = loop(capsys, *words)
    assert code == (0 if found["gate"]["passed"] else 4), found.get("error")
    assert (found["version"], found["promoted"]) == ("v1", found["gate"]["passed"])
    assert {"win rate", "ROUGE-1", "KL", "forgetting"} <= {check["name"] for check in found["gate"]["checks"]}
    assert found["ppo"]["method"] == method
    assert f"{method.upper()} on {model}" in err
    # Judged before the first step and after every second one; what is kept is one of those.
    assert [row["step"] for row in found["ppo"]["curve"]] == [0, 2, 4]
    assert found["ppo"]["kept_step"] in (0.0, 2.0, 4.0)
    facts = read_facts("v1")
    assert facts is not None and (facts.method, facts.adapter) == (f"rlhf {method}", True)
    page = (home / "state" / "runs" / found["run"] / "report.html").read_text()
    assert f"{method.upper()} and best of n" in page
    assert len(json.loads(assistant("models", "why", "v1", "--json").stdout)["ratings"]) == (
        41 if method == "kto" else 40
    )


def test_too_few_pairs_say_how_many_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = loop(capsys)
    assert (code, "nothing was rated yet" in found["error"]) == (3, True)
    code, found, _ = loop(capsys, "--data", str(rankings(tmp_path / "few.jsonl", 3)))
    assert code == 3
    assert "9 pairs of 3 conversations are too few: 40 pairs of 10 conversations are needed" in found["error"]


def test_all_tied_is_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tied.jsonl"
    path.write_text(json.dumps({"dialogue": "Ann: Hi.\nBen: Hello.", "ranking": [["One.", "Two."]]}) + "\n")
    code, found, _ = loop(capsys, "--data", str(path))
    assert (code, "1 tie" in found["error"]) == (3, True)


def test_a_second_run_is_refused_and_told_of_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone("rlhf") as tell:
        tell("rlhf-20260101-000000-abcd")
        code, found, _ = loop(capsys, "--data", str(rankings(tmp_path / "ranks.jsonl", 20)))
    assert code == 1
    assert "rlhf-20260101-000000-abcd (pid " in found["error"]


def test_a_reward_that_people_do_not_bear_out_stops_before_ppo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    data = rankings(tmp_path / "random.jsonl", 40, shuffled=1)
    code, found, _ = loop(capsys, "--model", str(model), "--data", str(data), *_SMALL)
    assert code == 4
    assert "nothing was trained on it" in found["error"]
    assert (found["version"], "gate" in found) == (None, False)
    with pytest.raises(ModelMissing):
        resolve("v1", Settings())


def test_stopped_in_ppo_it_saves_and_what_changed_meanwhile_is_refused(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    data = rankings(tmp_path / "ranks.jsonl", 20)
    process = _start("--model", str(model), "--data", str(data), "--max-steps", "5000", *_SMALL[2:])
    run = _once(lambda: next((home / "state" / "runs").glob("rlhf-*/ppo/ppo-*/metrics.jsonl"), None), process)
    _once(lambda: len(run.read_text().splitlines()) > 4, process)
    second = _start("--model", str(model), "--data", str(data))
    refused, _ = second.communicate(timeout=600)
    assert (second.returncode, process.poll()) == (1, None)
    assert f"{run.parents[2].name} (pid {process.pid}) is at work" in json.loads(refused)["error"]
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    folder = run.parents[2]
    assert f"--resume {folder.name}" in json.loads(out.splitlines()[-1])["error"]
    assert (run.parent / "checkpoint").is_dir()

    # A reward, or a judge, that says nothing: neither gets as far as PPO.
    (folder / "stages" / "samples.json").unlink()
    for part, value, why in (
        ("judge", 0.0, "the judge is the same for every answer"),
        ("reward", math.nan, "the reward is not finite"),
    ):
        weights = folder / part / "head.safetensors"
        save_file({name: np.full_like(tensor, value) for name, tensor in load_file(weights).items()}, weights)
        code, found, _ = loop(capsys, "--resume")
        assert (code, why in found["error"]) == (5, True), found

    # Weights that are others now are not what the ratings of this run were learnt for.
    other = build_tiny_model(tmp_path / "other", steps=1)
    shutil.copy(other / "model.safetensors", model / "model.safetensors")
    code, found, _ = loop(capsys, "--resume")
    assert (code, "changed since" in found["error"]) == (2, True), found


def test_a_store_of_a_newer_version_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open():
        pass
    with closing(sqlite3.connect(store_file())) as database:
        database.execute("PRAGMA user_version = 9999")
    before = store_file().read_bytes()
    code, found, _ = loop(capsys)
    assert (code, "newer version of Parley" in found["error"]) == (1, True)
    assert store_file().read_bytes() == before


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path, home: Path) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    data = rankings(tmp_path / "ranks.jsonl", 40)
    arguments = ("--model", str(model), "--data", str(data), *_SMALL, *_EASY)
    began = time.monotonic()
    whole = _finished(_start(*arguments))
    took = time.monotonic() - began
    (models_dir() / "current.json").unlink()  # The second run is compared with what the first one was compared with.
    draw = random.Random(7)
    process, kills = _start(*arguments), 0
    while kills < 10:
        try:
            process.wait(timeout=draw.uniform(0.1, 0.3) * took)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        begun = any((home / "state" / "runs").glob("rlhf-*/rated.json"))
        process = _start("--resume") if begun else _start(*arguments)
    if process.poll() is not None:
        process.communicate()  # Closes its pipes.
        process = _start("--resume")
    again = _finished(process)
    assert kills > 2, took
    assert _checksums(whole["version"]) == _checksums(again["version"])
    assert [check["value"] for check in whole["gate"]["checks"]] == [
        check["value"] for check in again["gate"]["checks"]
    ]


@pytest.mark.slow
def test_random_rankings_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    refused = 0
    for seed in range(20):
        data = rankings(tmp_path / f"{seed}.jsonl", 40, shuffled=seed)
        code, found, _ = loop(capsys, "--model", str(model), "--data", str(data), *_SMALL, "--seed", str(seed))
        assert code in (0, 4), found
        refused += code == 4
    assert refused >= 18


def _conversations(folder: Path) -> Path:
    path = folder / "conversations.jsonl"
    rows = [
        {
            "id": str(n),
            "dialogue": f"Ann: Where is room {n}?\nBen: It is on floor {n + 1}.",
            "summary": f"Ben tells Ann that room {n} is on floor {n + 1}.",
        }
        for n in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _resumed_on_wins_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The run's gate once more, with the win rate alone, as won. Which names a random model happens to say, or whether
    it says the same as another, depends on the processor's rounding.
    """
    place = run / "stages" / "proof.json"
    measured = json.loads(place.read_bytes())
    won = {"value": 1.0, "ci": [0.9, 1.0], "length_ratio": 1.0}
    nothing = dict.fromkeys(("unsupported", "rouge1", "forgetting"))
    place.write_text(json.dumps({**measured, "wins": {**measured["wins"], **won}, **nothing}))
    return loop(capsys, "--resume")[1]


def _once(look: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What the look finds, as soon as it finds something."""
    while not (found := look()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    return found


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "training", "rlhf", "--json", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _checksums(version: str) -> dict[str, str]:
    document = json.loads((Path(resolve(version, Settings()).folder) / "promotion.json").read_text())
    # The card names the version.
    return {name: digest for name, digest in document["checksums"].items() if name != "README.md"}
