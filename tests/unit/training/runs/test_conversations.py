"""One conversation is one, however it is written and asked about; every stage parts its data by that."""

from pathlib import Path

import pytest

from assistant.dialogue import parse, split
from assistant.prompts import render
from tests.unit.training.pocket.test_corpus import write
from tests.unit.training.ppo.ppo_runs import SMALL as PPO
from tests.unit.training.prefer.prefer_runs import SMALL as PREFER
from tests.unit.training.prefer.prefer_runs import material, pair_rows, write_rows
from training.pocket.corpus import read_corpus
from training.ppo.prompts import PromptIds, part_held_out
from training.reward.preferences import cluster_of
from training.rlhf.ratings import prompt_of
from training.runs.data.conversations import conversation_key
from training.sft.examples import part

TALKS = [f"Maya: The review {n} moves.\nTom: Yes, Größe {n}." for n in range(12)]


def spaced(talk: str) -> str:
    return talk.replace(": ", ":  ").upper() + "\n"


def keys(texts: object) -> set[str]:
    return {conversation_key(str(text)) for text in texts}  # type: ignore[attr-defined]


def test_a_conversation_that_was_rated_in_parts_is_the_whole() -> None:
    talk = "\n".join(f"{'Maya' if n % 2 else 'Tom'}: This is what I say about room {n}." for n in range(12))
    parts = split(parse(talk), 40, lambda text: len(text.split()))
    assert len(parts) > 2 and any(one.context for one in parts)
    prompts = [render(one.text, budget=1 << 30, count_tokens=lambda _: 0).text for one in parts]
    assert conversation_key("\f".join(prompts)) == conversation_key(prompt_of(talk))


def test_no_spelling_of_a_held_out_conversation_is_learnt_from(model: Path, tmp_path: Path) -> None:
    pairs = pair_rows()
    twice = [*pairs, *(row | {"dialogue": row["dialogue"].replace(": ", ":   ")} for row in pairs)]
    asked = [{"prompt": prompt_of(row["dialogue"]), **row} for row in pairs]
    asked += [{"prompt": f"{prompt_of(row['dialogue'])} ".replace(": The", ":   The"), **row} for row in pairs]
    for name, rows in (("dialogues", twice), ("prompts", asked)):
        found = material(PREFER, model, write_rows(tmp_path / f"{name}.jsonl", rows))
        sides = [keys(one.prompt.text for one in side) for side in (found.train, found.held_out)]
        assert len(sides[1]) == 3 and not sides[0] & sides[1], name


@pytest.mark.parametrize("seed", range(4))
def test_ppo_s_prompts_are_parted_by_conversation(seed: int) -> None:
    prompts = [PromptIds(text, [1]) for talk in TALKS for text in (talk, spaced(talk))]
    config = PPO.__class__(judge_every=1, seed=seed)
    train, held_out = part_held_out(prompts, None, None, config)  # type: ignore[arg-type]
    # A fifth of twelve, each in both its spellings.
    assert (len(train), len(held_out)) == (20, 4)
    assert not keys(one.text for one in train) & keys(one.text for one in held_out)


def test_the_other_stages_part_by_conversation_too(tmp_path: Path) -> None:
    rows = [{"dialogue": talk, "summary": "Yes."} for talk in TALKS]
    rows += [{"dialogue": spaced(talk), "summary": "Yes."} for talk in TALKS]
    parted = part(rows, None, 0.25, 100, 1)
    assert not keys(row["dialogue"] for row in parted.train) & keys(row["dialogue"] for row in parted.held_out)
    train, held_out = read_corpus([write(tmp_path / "rows.jsonl", rows)], None)
    assert not keys(row["dialogue"] for row in train) & keys(row["dialogue"] for row in held_out)
    assert cluster_of(TALKS[0]) == cluster_of(spaced(TALKS[0])) != cluster_of(TALKS[1])
