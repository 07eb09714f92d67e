"""What each method of the loop learns from, and that every one of them has its place in the table."""

import json
from pathlib import Path
from typing import get_args

import pytest

from assistant.records import ModelVersion
from tests.unit.training.prefer.prefer_runs import pair_rows, thumb_rows, write_rows
from training.ppo.config import PpoConfig
from training.prefer.config import NATURES
from training.prefer.examples import Preferred, answered, material_of, prompts_of, read_preferred
from training.reward.parts import built_in, parse_terms
from training.rlhf.config import Method, RlhfConfig
from training.rlhf.estimate import plan_of
from training.rlhf.methods import METHODS, best_drafts
from training.rlhf.ratings import load_rated, read_rated, write_rated

_FEW = RlhfConfig(min_pairs=1, min_dialogues=1)


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_has_a_way_and_a_plan(method: Method, tmp_path: Path, home: Path) -> None:
    config = RlhfConfig(method=method, min_pairs=1, min_dialogues=1, batch_size=4, judge_every=5, max_kl=2.0, beta=0.2)
    assert method in METHODS
    prefer = config.prefer()
    assert prefer.method == (method if method in NATURES else "chosen")
    assert (prefer.batch_size, prefer.judge_every, prefer.max_kl, prefer.beta) == (4, 5, 2.0, 0.2)
    rated = read_rated(config, [write_rows(tmp_path / "pairs.jsonl", pair_rows())])
    plan = plan_of(rated, ModelVersion(ref="tiny", folder="", kind="path"), config)
    assert any(f"{method.upper()} on tiny: 80 steps of 4" in line for line in plan.lines()) and plan.seconds > 0


def test_each_method_has_its_usual_rate_unless_one_is_set() -> None:
    # docs/benchmarks.md: at PPO's 3e-4 a run of DPO hardly moved.
    assert RlhfConfig(method="dpo").prefer().learning_rate == 1e-3
    assert RlhfConfig(method="kto").prefer().learning_rate == RlhfConfig().ppo(("length:2",)).learning_rate == 3e-4
    assert RlhfConfig(method="dpo", learning_rate=1e-4).prefer().learning_rate == 1e-4


def test_thumbs_of_conversations_that_judge_or_prove_teach_nothing(tmp_path: Path, home: Path) -> None:
    pairs, thumbs = pair_rows(20), thumb_rows(20)
    more = [row | {"dialogue": f"Ann: Only rated {n}.\nBen: Yes."} for n, row in enumerate(thumb_rows(3))]
    data = write_rows(tmp_path / "judged.jsonl", [*pairs, *thumbs, *more])
    rated = read_rated(_FEW, [data])
    taught = {label.prompt for label in rated.labels}
    assert taught and not taught & set(rated.prompts("dev", "judge"))
    # Three conversations have thumbs alone; the others' thumbs teach where their pairs do.
    assert {prompt for prompt in taught if "Only rated" in prompt} == taught - set(rated.prompts("reward"))
    assert sum("Only rated" in label.prompt for label in rated.labels) == 3
    thumbs_used = {label.source for label in rated.labels}
    assert thumbs_used <= set(rated.sources(RlhfConfig(method="kto"))) - set(rated.sources(RlhfConfig()))
    write_rated(rated, tmp_path / "rated.json")
    assert load_rated(tmp_path / "rated.json").labels == rated.labels
    old = json.loads((tmp_path / "rated.json").read_bytes())
    del old["labels"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert load_rated(tmp_path / "old.json").labels == []


def test_the_best_of_n_is_what_the_whole_reward_pays_most() -> None:
    paid = PpoConfig(reward=("length:2", "-3*repetition"))
    drafts = [["One two three four.", "One two."], ["Same same same same same.", "A single."], ["Only one."]]
    found = best_drafts(["a", "b", "c"], drafts, paid, built_in(parse_terms(paid.reward)))
    assert found == ["One two.", "A single.", "Only one."]


def test_best_of_n_copies_whole_answers_and_the_kl_is_asked_of_what_fits(model: Path, tmp_path: Path) -> None:
    tiny = ModelVersion(ref="tiny", folder=str(model), kind="path")
    config = RlhfConfig(method="best-of-n").prefer()
    found = answered([("Maya: Hello.", "The review moves."), ("Tom: " + "Yes. " * 400, "Yes.")], tiny, config)
    assert (len(found.train), found.left_out, len(found.train[0].answers)) == (1, 1, 1)
    assert [one.text for one in prompts_of(["Maya: Hello.", "Yes. " * 400], tiny, config)] == ["Maya: Hello."]
    nothing = Preferred(())
    pairs = read_preferred([write_rows(tmp_path / "two.jsonl", pair_rows(2))])
    assert material_of(pairs, nothing, tiny, RlhfConfig(method="dpo").prefer()).held_out == ()
