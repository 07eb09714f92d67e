"""`assistant-train reward`, `score` and `constitution` as a person calls them, on small made-up ratings."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import ModelDamaged, ModelMissing
from assistant.feedback.store import Store
from assistant.locations import rewards_dir
from assistant.prompts import join_own
from assistant.scoring.heads import NEWEST, find_reward, load_head
from tests.builders import a_completion
from tests.unit.assistant.marking.test_marks import a_mark
from training.cli import run
from training.reward.parts import built_in, parse_terms

_NAMES = ("Maya", "Tom", "Ana", "Bob", "Ines", "Carl", "Rita", "Hugo")
_THINGS = ("ladder", "report", "cake", "bicycle", "ticket", "guitar", "lamp", "camera", "blanket", "tent")
_DAYS = ("Monday", "Tuesday", "Thursday", "Friday", "Sunday")


@pytest.fixture
def bundled_words() -> Iterator[None]:
    """The bundled wordings alone again, after a test that brought its own."""
    yield
    join_own(Path("/nonexistent"))


def _talk(rng: random.Random) -> tuple[str, str, str]:
    """A conversation, a long summary and a short one."""
    one, two = rng.sample(_NAMES, 2)
    thing, day = rng.choice(_THINGS), rng.choice(_DAYS)
    room = rng.randrange(10**6)  # so that no two conversations are one
    talk = (
        f"{one}: Can you bring the {thing} on {day}? It is for room {room}.\n"
        f"{two}: Sure, I will put it in the car.\n{one}: Thank you!"
    )
    long = f"{one} asks {two} to bring the {thing} on {day}, and {two} agrees to put it in the car for {one}."
    return talk, long, f"{two} will bring the {thing} on {day}."


def _pairs(count: int, seed: int) -> list[dict[str, Any]]:
    """Ratings by somebody who wants at most 12 words."""
    rng = random.Random(seed)
    return [
        {"dialogue": talk, "chosen": short, "rejected": long}
        for talk, long, short in (_talk(rng) for _ in range(count))
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def _call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_wish_is_learnt_and_scores_unseen_answers(
    minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, dev = _write(tmp_path / "pairs.jsonl", _pairs(60, 1)), _write(tmp_path / "dev.jsonl", _pairs(30, 2))
    code, made = _call(capsys, "reward", "--data", data, "--dev", dev, "--method", "counted")
    assert code == 0 and made["version"] == "r1" and find_reward(NEWEST) == rewards_dir() / "r1"
    # The bundled start likes the summary that names both; sixty ratings teach it otherwise.
    assert made["accuracy"] >= 0.9 > made["warm_baseline"] and made["n"] == 30
    assert made["length_baseline"] == 1.0 and made["accuracy_ci"][0] <= made["accuracy"] <= made["accuracy_ci"][1]
    answers = [
        {"id": n, "dialogue": talk, "completion": text}
        for n, (talk, *texts) in enumerate(_talk(random.Random(3 + i)) for i in range(5))
        for text in texts
    ]
    out = tmp_path / "scored.jsonl"
    code, scored = _call(capsys, "score", "--data", _write(tmp_path / "answers.jsonl", answers), "-o", str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0 and scored["n"] == len(rows) == 10 and rows[0]["id"] == 0
    assert set(rows[0]["parts"]) == {"human", "coverage", "unsupported", "roles", "harmless", "repetition"}
    assert all(short["score"] > long["score"] for long, short in zip(rows[::2], rows[1::2], strict=True))
    assert rows[0]["score"] == rows[0]["parts"]["human"]
    code, by_name = _call(
        capsys, "score", "--data", str(tmp_path / "answers.jsonl"), "--model", "r1", "--reward", "human"
    )
    assert by_name["scores"][3]["score"] == pytest.approx(rows[3]["score"], abs=1e-5)


def test_three_ratings_are_refused_with_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _call(capsys, "reward", "--data", _write(tmp_path / "few.jsonl", _pairs(3, 1)))
    assert code == 3 and "a reward needs 8 from 4" in said["error"]
    code, said = _call(capsys, "reward")
    assert code == 3 and "0 pairs" in said["error"]
    tied = [{"dialogue": row["dialogue"], "ranking": [[row["chosen"], row["rejected"]]]} for row in _pairs(20, 1)]
    code, said = _call(capsys, "reward", "--data", _write(tmp_path / "tied.jsonl", tied))
    assert code == 3 and "20 tie" in said["error"]


def test_the_store_knows_which_reward_learnt_from_a_ranking(minilm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(5)
    with Store.open() as store:
        for n in range(24):
            talk, long, short = _talk(rng)
            answers = [a_completion(f"{n}-{i}", prompt=talk, answer=text) for i, text in enumerate((long, short))]
            store.completions.add(answers)
            store.judgements.rank([[answers[1].id], [answers[0].id]], rater="ana")
    code, made = _call(capsys, "reward", "--method", "counted")
    assert code == 0 and made["pairs"]["judge"] > 0
    with Store.open() as store:
        taught = store.judgements.sources_of("r1")
        assert store.judgements.versions_with(taught[:1]) == ["r1"]
        # What is kept for a judge had no say.
        assert len(taught) == 24 - made["pairs"]["judge"]


def test_points_kept_and_dropped_teach_a_reward(minilm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(6)
    with Store.open() as store:
        for n in range(24):
            prompt, _, said = _talk(rng)
            name, other = prompt.partition(":")[0], f"Room {n} is free."
            digest = a_completion(f"{n}", prompt=prompt, task="digest", answer=f"  {name}: {said}\n  {name}: {other}")
            store.completions.add([digest])
            for place, (text, says) in enumerate(((said, "keep"), (other, "drop"))):
                mark = {"completion": f"{n}", "number": place, "text": text, "says": says}
                store.judgements.judge(a_mark(f"m{n}-{place}", **mark))
    code, made = _call(capsys, "reward", "--method", "counted")
    assert code == 0 and sum(made["pairs"][part] for part in ("train", "dev", "judge")) == 48
    with Store.open() as store:
        assert set(store.judgements.sources_of("r1")) <= {
            mark.id for mark in store.judgements.marks()
        } and store.judgements.sources_of("r1")
        assert "r1" in store.deletions.delete_judgement(store.judgements.sources_of("r1")[0]).model_versions


def test_damaged_and_missing_rewards_say_so(tmp_path: Path, minilm: Path) -> None:
    with pytest.raises(ModelMissing, match="no reward was trained yet"):
        load_head(NEWEST)
    with pytest.raises(ModelMissing, match="there are warm"):
        load_head("r9")
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "reward.json").write_bytes((find_reward("warm") / "reward.json").read_bytes())
    with pytest.raises(ModelDamaged):
        load_head(str(folder))


def test_the_parts_of_the_composite_tell_faults_apart(minilm: Path) -> None:
    talk = "Maya: Can you bring the ladder on Friday?\nTom: Sure, I will put it in my van.\nMaya: Thank you!"
    good, swapped = "Maya asks Tom to bring the ladder on Friday.", "Tom asks Maya to bring the ladder on Friday."
    rude = "You are all filthy animals and should die."
    parts = built_in(parse_terms(["human:warm", "roles", "harmless", "unsupported"]))([talk] * 3, [good, swapped, rude])
    assert parts["roles"][0] > parts["roles"][1]
    assert parts["human"][0] > parts["human"][1]
    assert parts["harmless"][0] > 0.7 > 0.3 > parts["harmless"][2]


def test_principles_judge_drafts_and_stay_apart_from_people(
    minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(7)
    talks = [_talk(rng) for _ in range(12)]
    rows = [{"dialogue": talk, "drafts": [long, long.replace("asks", "asks Gwendolyn and")]} for talk, long, _ in talks]
    out = tmp_path / "made.jsonl"
    # People who prefer the short text say nothing about names: the principles tell none of their pairs apart.
    people = _write(tmp_path / "people.jsonl", _pairs(10, 1))
    drafts = _write(tmp_path / "drafts.jsonl", rows)
    code, judged = _call(capsys, "constitution", "--data", drafts, "--dev", people, "-o", str(out))
    made = [json.loads(line) for line in out.read_text().splitlines()]
    assert code == 0 and judged["pairs"] == len(made) == 12 and not judged["asked"]["able"]
    assert all("Gwendolyn" in row["rejected"] and row["rater"] == "constitution" for row in made)
    assert judged["agreement_with_people"]["n"] == 10
    code, said = _call(capsys, "reward", "--data", str(out))
    assert code == 3 and "0 pairs" in said["error"]
    code, said = _call(capsys, "reward", "--data", str(out), "--data", people, "--constitution")
    assert code == 2 and "not proven better than a coin" in said["error"]


def test_principles_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[principles]]\nname = "brief"\nchecks = []\n')
    data = _write(tmp_path / "d.jsonl", [{"dialogue": "Ana: hi\nBob: ho", "drafts": ["A.", "B."]}])
    code, said = _call(
        capsys, "constitution", "--data", data, "--principles", str(own), "-o", str(tmp_path / "o.jsonl")
    )
    assert code == 2 and "checks" in said["error"]


def test_a_prompt_in_the_users_own_words_is_told_from_its_conversation(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], bundled_words: None
) -> None:
    own = home / "config" / "prompts"
    own.mkdir(parents=True)
    text = "As Gwendolyn would put it:\\n\\n{dialogue}\\n\\nIn short: "
    (own / "mine.toml").write_text(f'[[phrasings]]\ntask = "summary"\nname = "gwen"\ntext = "{text}"\n')
    asked = "As Gwendolyn would put it:\n\nMaya: Tea?\nTom: Yes.\n\nIn short:"
    rows = _write(tmp_path / "a.jsonl", [{"prompt": asked, "completion": "Gwendolyn offers Tom tea."}])
    code, scored = _call(capsys, "score", "--data", rows, "--reward", "unsupported")
    # The instruction has her name; the conversation hasn't.
    assert code == 0 and scored["scores"][0]["parts"] == {"unsupported": 1.0}
    (own / "mine.toml").write_text("[[phrasings]]\n")
    code, said = _call(capsys, "score", "--data", rows, "--reward", "unsupported")
    assert code == 2 and "mine.toml" in said["error"]


@pytest.mark.slow
def test_a_stopped_encoder_goes_on_to_the_same_reward(
    minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.reward import encoder as reward_encoder

    data = _write(tmp_path / "pairs.jsonl", _pairs(24, 1))
    words = ("--data", data, "--method", "lora", "--max-steps", "4", "--batch-size", "4", "--window", "96")
    code, whole = _call(capsys, "reward", *words)
    assert code == 0 and whole["method"] == "lora", whole
    steps = []

    class Stopping(reward_encoder._Saver):
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> Any:
            steps.append(state.global_step)
            if len(steps) == 2:
                self._stop.requested = True
            return super().on_step_end(args, state, control, **more)

    monkeypatch.setattr(reward_encoder, "_Saver", Stopping)
    code, said = _call(capsys, "reward", *words)
    assert code == 130 and "--resume" in said["error"]
    code, resumed = _call(capsys, "reward", "--resume")
    assert code == 0 and steps == [1, 2, 1, 2]
    talk, long, short = _talk(random.Random(9))
    first, second = (
        load_head(ref).score([(talk, long), (talk, short)]) for ref in (whole["version"], resumed["version"])
    )
    assert first == pytest.approx(second, abs=1e-5)
