"""What people judged, as the loop reads it: three parts by conversation, and what nobody judged."""

import json
from pathlib import Path

import msgspec
import pytest

from assistant.errors import DataMissing, UsageError
from assistant.feedback.store import Store
from assistant.models.registry import resolve
from assistant.prompts import conversation_in
from assistant.settings import Settings
from tests.builders import a_completion, a_ranking
from training.rlhf.config import RlhfConfig
from training.rlhf.estimate import plan_of
from training.rlhf.ratings import load_rated, parts_of, prompt_of, read_rated, write_rated
from training.runs.data.conversations import conversation_key

CONFIG = RlhfConfig(min_pairs=10, min_dialogues=5)


def in_store(count: int) -> None:
    """`count` conversations with two ranked answers each by pocket, and one that nobody judged."""
    with Store.open() as store:
        for n in range(count):
            prompt = prompt_of(f"Ann: Room {n}?\nBen: Yes.")
            answers = [a_completion(f"c{n}-{k}", prompt=prompt, answer=f"Room {n}. " * (k + 1)) for k in range(2)]
            store.completions.add(answers)
            store.judgements.judge(a_ranking([[f"c{n}-0"], [f"c{n}-1"]]))
        store.completions.add([a_completion("unrated", prompt=prompt_of("Ann: Lunch?\nBen: No."))])


def test_a_conversation_lies_in_one_part_and_all_have_some() -> None:
    names = [f"conversation {n}" for n in range(10)]
    parts = parts_of(names, CONFIG)
    assert sorted(parts.values()).count("dev") == 2
    assert sorted(parts.values()).count("judge") == 3
    assert parts == parts_of(names[::-1] * 2, CONFIG)
    assert parts != parts_of(names, RlhfConfig(seed=1))
    # The wording of the prompt around a conversation moves it nowhere.
    said = [f"Ann: Room {n}?\nBen: Yes." for n in range(10)]
    bare, asked = parts_of(said, CONFIG), parts_of([prompt_of(one) for one in said], CONFIG)
    assert [bare[one] for one in said] == [asked[prompt_of(one)] for one in said]


def test_all_spellings_of_a_conversation_are_one() -> None:
    spelled = ["Ann: Room 3?\nBen: Yes.", "Ann:  Room 3?\n\nBen: yes. ", prompt_of("ann: Room 3?\nBen: Yes.")]
    assert len({conversation_key(one) for one in spelled}) == 1
    assert conversation_key(spelled[0]) != conversation_key("Ann: Room 4?\nBen: Yes.")
    for seed in range(8):
        parts = parts_of([*spelled, *(f"conversation {n}" for n in range(7))], RlhfConfig(seed=seed))
        assert len({parts[one] for one in spelled}) == 1
        # Eight conversations: 1.6 and 2.4 of them, rounded.
        assert sorted(set(parts.values())) == ["dev", "judge", "reward"]


def test_the_store_is_read_with_what_nobody_judged(tmp_path: Path) -> None:
    in_store(12)
    rated = read_rated(CONFIG, ())
    assert {part: len(found) for part, found in rated.parts.items()} == {"reward": 6, "dev": 2, "judge": 4}
    assert [conversation_in(prompt) for prompt in rated.unrated] == ["Ann: Lunch?\nBen: No."]
    figures = rated.figures()
    # The shorter one was always chosen; all were written by pocket.
    assert (figures["longer_chosen"], figures["models"]) == (0.0, {"pocket": 24})
    write_rated(rated, tmp_path / "rated.json")
    assert load_rated(tmp_path / "rated.json") == rated


def test_a_model_that_changed_and_one_sided_pairs_are_said_before_anything_starts(tmp_path: Path) -> None:
    in_store(12)
    rated = read_rated(CONFIG, ())
    pocket = resolve("pocket", Settings())
    lines = plan_of(rated, pocket, CONFIG).lines()
    assert lines[0].startswith("about ")
    assert "the shorter answer was chosen in 100% of the pairs: one-sided" in lines[-1]

    # Five judgements instead of nine: four times 352 answers of 0.045 s.
    seldom = plan_of(rated, pocket, msgspec.structs.replace(CONFIG, judge_every=20, max_steps=80))
    often = plan_of(rated, pocket, msgspec.structs.replace(CONFIG, judge_every=10, max_steps=80))
    assert often.seconds - seldom.seconds == pytest.approx(63.36)

    other = plan_of(rated, msgspec.structs.replace(pocket, ref="v1"), CONFIG).lines()
    assert "24 by pocket, not by v1" in "\n".join(other)


def test_what_is_missing_is_counted() -> None:
    with pytest.raises(DataMissing, match="nothing was rated yet"):
        read_rated(CONFIG, ())
    in_store(3)
    with pytest.raises(DataMissing, match="3 pairs of 3 conversations are too few: 10 pairs of 5"):
        read_rated(CONFIG, ())


def test_many_pairs_of_few_conversations_are_too_few(tmp_path: Path) -> None:
    path = tmp_path / "ranks.jsonl"
    # Six answers in order make fifteen pairs.
    lines = [{"dialogue": f"Ann: Room {n}?\nBen: Yes.", "ranking": [[answer] for answer in "ABCDEF"]} for n in range(2)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataMissing, match="30 pairs of 2 conversations are too few: 10 pairs of 5"):
        read_rated(CONFIG, (path,))


def test_a_file_is_read_as_the_import_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "ranks.jsonl"
    lines = [{"dialogue": f"Ann: Room {n}?\nBen: Yes.", "ranking": [["A."], ["B."], ["C."]]} for n in range(6)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(read_rated(CONFIG, (path,)).pairs) == 18
    path.write_text('{"dialogue": "Ann: Hi."}\n')
    with pytest.raises(UsageError, match="line 1: needs chosen and rejected"):
        read_rated(CONFIG, (path,))
