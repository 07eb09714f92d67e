import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from transformers import T5ForConditionalGeneration

from assistant.engine.tokens import ModelTokenizer
from assistant.errors import DataMissing, UsageError
from tests.tiny_models import TAGGED_TALK, build_tiny_model, copy_tagged_model
from training.ppo.policy import LoraShape, Policy, load_policy
from training.ppo.prompts import PromptIds, read_prompts
from training.ppo.rollouts import (
    buckets,
    collect,
    respond,
    rows_of_step,
    sampling_noise,
)

TEXTS = [
    "Maya: The review moves to Friday.",
    "Tom: I'll book the room.\nMaya: Yes, bring the report to the meeting at 10:30, and the other report.",
    "#Person1#: Are you coming?",
]

# peft asks transformers by a name that transformers has since changed.
of_peft = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("model"))


def a_policy(
    model: Path,
    *,
    adapter: Path | None = None,
    adapt: str = "decoder",
    value_adapter: bool = False,
    temperature: float = 1.0,
) -> Policy:
    return load_policy(
        model,
        adapter,
        LoraShape(4, 8, ("q", "v")),
        trains_encoder=adapt == "all",
        value_adapter=value_adapter,
        temperature=temperature,
        dtype="float32",
        device="cpu",
        seed=3,
    )


@of_peft
def test_it_reads_the_tokens_that_the_served_model_reads(model: Path, tmp_path: Path) -> None:
    # FLAN-T5's configuration names this class, for which transformers takes the pieces alone from tokenizer.json.
    folder = shutil.copytree(model, tmp_path / "named")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0}))
    policy, served = a_policy(folder), ModelTokenizer(folder)
    text = "Tom: The ﬁle…  is\there, at 10:30."
    assert policy.token_ids(text) == served.encode(text)
    ids = torch.tensor([served.encode(text)])
    assert policy.texts(ids, torch.ones_like(ids, dtype=torch.bool)) == [served.decode(ids[0].tolist())]


def prompts_for(policy: Policy) -> list[PromptIds]:
    return [PromptIds(text, policy.token_ids(text)) for text in TEXTS]


def shake(policy: Policy) -> None:
    """Move the policy away from the reference."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in policy.trainable().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)


def write_rows(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_before_the_first_update_policy_and_reference_say_the_same_to_the_last_bit(model: Path) -> None:
    for adapt in ("decoder", "all"):
        policy = a_policy(model, adapt=adapt)
        rollout = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 10), 2)
        assert rollout.mask.any(dim=1).all()
        assert torch.equal(rollout.logprobs, rollout.reference_logprobs)


def test_the_reference_stays_where_it_was_when_the_policy_moves(model: Path) -> None:
    policy = a_policy(model)
    before = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 10), 3)
    shake(policy)
    states = policy.encode(before.source, before.source_mask)
    after = policy.reference_logprobs(states, before.source_mask, before.tokens, before.mask)
    assert torch.allclose(after, before.reference_logprobs, atol=1e-5)
    moved = policy.evaluate_tokens(states, before.source_mask, before.tokens, before.mask).logprobs
    assert not torch.allclose(moved, before.logprobs, atol=0.1)


def test_log_probabilities_are_those_of_the_library_s_own_forward_pass(model: Path) -> None:
    policy = a_policy(model, temperature=0.7)
    shake(policy)
    rollout = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 10), 3)
    labels = rollout.tokens.masked_fill(~rollout.mask, -100)
    output = policy.model(input_ids=rollout.source, attention_mask=rollout.source_mask, labels=labels)
    wanted = (output.logits / 0.7).log_softmax(-1).gather(-1, rollout.tokens[..., None]).squeeze(-1)
    assert torch.allclose(rollout.logprobs, wanted * rollout.mask, atol=1e-4)
    surprise = -(output.logits / 0.7).softmax(-1) * (output.logits / 0.7).log_softmax(-1)
    assert torch.allclose(rollout.entropy, surprise.sum(-1) * rollout.mask, atol=1e-4)


def test_a_greedy_response_is_the_library_s(model: Path) -> None:
    policy = a_policy(model)
    shake(policy)
    prompts = prompts_for(policy)
    found = respond(policy, prompts, 8, 2)
    for prompt, text in zip(prompts, found, strict=True):
        ids = policy.model.generate(
            input_ids=torch.tensor([prompt.ids]), max_new_tokens=8, do_sample=False, num_beams=1
        )
        assert text == policy.tokenizer.decode(ids[0].tolist())


def test_a_response_does_not_depend_on_the_rows_beside_it(model: Path) -> None:
    policy = a_policy(model)
    prompts, noise = prompts_for(policy), sampling_noise(1, 4, [0, 1, 2], 12)
    together = collect(policy, prompts, noise, 3)
    for row, prompt in enumerate(prompts):
        alone = collect(policy, [prompt], noise[row : row + 1], 1)
        assert torch.equal(alone.tokens[0], together.tokens[row])
        assert torch.allclose(alone.logprobs[0], together.logprobs[row], atol=1e-5)


def test_responses_that_ended_leave_the_batch_and_the_others_go_on(model: Path) -> None:
    # With the end of text made likely, responses end at different times; shrinking must not mix rows up.
    policy = a_policy(model, temperature=4.0)
    prompts = [prompt for prompt in prompts_for(policy) for _ in range(8)]
    noise = sampling_noise(9, 0, range(24), 40)
    noise[::2] *= 0.004  # Low noise draws the first entries of the vocabulary, the end of text among them.
    together = collect(policy, prompts, noise, 24)
    lengths = together.mask.sum(dim=1)
    assert lengths.min() < 10 < 30 < lengths.max()
    for row in range(0, 24, 5):
        alone = collect(policy, [prompts[row]], noise[row : row + 1], 1)
        assert torch.equal(alone.tokens[0], together.tokens[row])


def test_the_mask_ends_with_the_end_of_text_and_says_where_it_is_missing(model: Path) -> None:
    policy = a_policy(model, temperature=4.0)
    prompts = [prompt for prompt in prompts_for(policy) for _ in range(8)]
    noise = sampling_noise(9, 0, range(24), 40)
    noise[::2] *= 0.004
    rollout = collect(policy, prompts, noise, 24)
    assert rollout.ended.any() and not rollout.ended.all()
    for tokens, mask, ended in zip(rollout.tokens, rollout.mask, rollout.ended, strict=True):
        length = int(mask.sum())
        assert mask.tolist() == [True] * length + [False] * (40 - length)
        ends = [place for place, token in enumerate(tokens[:length].tolist()) if token == policy.end]
        assert ends == ([length - 1] if ended else [])
        assert ended or length == 40


def test_sampling_follows_the_model_s_probabilities(model: Path) -> None:
    policy = a_policy(model)
    prompt = prompts_for(policy)[0]
    noise = torch.arange(0.5, 2000)[:, None] / 2000  # An even grid draws each token as often as it is probable.
    rollout = collect(policy, [prompt] * 2000, noise, 2000)
    share = torch.bincount(rollout.tokens[:, 0], minlength=400) / 2000
    start = torch.full((1, 1), policy.start)
    logits = policy.model(input_ids=torch.tensor([prompt.ids]), decoder_input_ids=start).logits[0, 0].detach()
    assert float((share - logits.softmax(-1)).abs().max()) <= 1.01 / 2000


def test_gradients_reach_the_policy_s_adapter_and_the_value_head_alone(model: Path) -> None:
    for adapt, value_adapter in (("decoder", False), ("all", False), ("decoder", True)):
        policy = a_policy(model, adapt=adapt, value_adapter=value_adapter)
        shake(policy)
        rollout = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 6), 3)
        states = policy.encode(rollout.source, rollout.source_mask)
        judged = policy.evaluate_tokens(states, rollout.source_mask, rollout.tokens, rollout.mask)
        (judged.logprobs.sum() + judged.values.sum()).backward()
        reached = {name for name, value in policy.model.named_parameters() if value.grad is not None}
        assert reached | {"value_head.weight", "value_head.bias"} == set(policy.trainable())
        assert all(".lora_" in name and ".reference." not in name for name in reached)
        assert any(".encoder." in name for name in reached) == (adapt == "all")
        assert any(".value." in name for name in reached) == value_adapter


def test_a_value_adapter_keeps_value_errors_off_the_policy(model: Path) -> None:
    policy = a_policy(model, value_adapter=True)
    shake(policy)
    rollout = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 6), 3)
    states = policy.encode(rollout.source, rollout.source_mask)
    policy.evaluate_tokens(states, rollout.source_mask, rollout.tokens, rollout.mask).values.sum().backward()
    reached = {name for name, value in policy.model.named_parameters() if value.grad is not None and value.grad.any()}
    assert reached and all(".value." in name for name in reached)


def test_an_adapter_is_copied_and_its_original_is_the_reference(model: Path, tmp_path: Path) -> None:
    first = a_policy(model)
    shake(first)
    folder = tmp_path / "adapter"
    folder.mkdir()
    first.save(folder)
    again = a_policy(model, adapter=folder)
    noise = sampling_noise(1, 0, [0, 1, 2], 10)
    wanted = collect(first, prompts_for(first), noise, 3)
    found = collect(again, prompts_for(again), noise, 3)
    assert torch.equal(found.tokens, wanted.tokens) and torch.equal(found.logprobs, wanted.logprobs)
    assert torch.equal(found.logprobs, found.reference_logprobs)
    assert again.value_head.weight.any()
    assert torch.equal(again.value_head.weight, first.value_head.weight)


def test_of_an_adapter_for_both_halves_the_decoder_s_part_can_be_trained_alone(model: Path, tmp_path: Path) -> None:
    whole = a_policy(model, adapt="all")
    shake(whole)
    whole.save(tmp_path)
    again = a_policy(model, adapter=tmp_path)
    names = [name for name in again.trainable() if ".lora_" in name]
    assert names and all(".decoder." in name for name in names)
    rollout = collect(again, prompts_for(again), sampling_noise(1, 0, [0, 1, 2], 6), 3)
    # The encoder's part still acts, and is the same in policy and reference.
    original = again.encode(rollout.source, rollout.source_mask, "reference")
    assert torch.equal(again.encode(rollout.source, rollout.source_mask), original)
    assert not torch.allclose(a_policy(model).encode(rollout.source, rollout.source_mask), original, atol=0.01)
    assert torch.equal(rollout.logprobs, rollout.reference_logprobs)


@of_peft
@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_on_all_linear_layers_goes_on_as_the_library_reads_it(tied: bool, tmp_path: Path) -> None:
    """As supervised tuning makes them, with dropout, for T5 and for FLAN-T5's output head of its own."""
    model = build_tiny_model(tmp_path / "model", tied=tied)
    shape = LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, lora_dropout=0.3, use_rslora=True, target_modules="all-linear")
    tuned = get_peft_model(T5ForConditionalGeneration.from_pretrained(model), shape).eval()
    torch.manual_seed(2)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    tuned.save_pretrained(tmp_path / "adapter")
    policy = a_policy(model, adapter=tmp_path / "adapter", adapt="all")
    rollout = collect(policy, prompts_for(policy), sampling_noise(1, 0, [0, 1, 2], 10), 3)
    labels = rollout.tokens.masked_fill(~rollout.mask, -100)
    logits = tuned(input_ids=rollout.source, attention_mask=rollout.source_mask, labels=labels).logits
    wanted = logits.log_softmax(-1).gather(-1, rollout.tokens[..., None]).squeeze(-1) * rollout.mask
    assert torch.allclose(rollout.logprobs, wanted, atol=1e-4)
    assert torch.equal(rollout.logprobs, rollout.reference_logprobs)
    assert {"wi_0", "wi_1", "wo", "q", "k", "v", "o"} <= {
        name.split(".")[-4] for name in policy.trainable() if ".lora_A." in name
    }
    shake(policy)
    (tmp_path / "out" / "mine").mkdir(parents=True)
    policy.save(tmp_path / "out")
    assert (tmp_path / "out" / "mine").stat().st_mode & 0o700 == 0o700, "the rights of what was there stay"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir() if path.is_file()} == {0o600}
    again = PeftModel.from_pretrained(T5ForConditionalGeneration.from_pretrained(model), str(tmp_path / "out"))
    moved = policy.model(input_ids=rollout.source, attention_mask=rollout.source_mask, labels=labels).logits
    found = again(input_ids=rollout.source, attention_mask=rollout.source_mask, labels=labels).logits
    assert torch.allclose(found, moved, atol=1e-4) and not torch.allclose(moved, logits, atol=0.1)


@of_peft
def test_a_soft_prompt_is_refused(model: Path, tmp_path: Path) -> None:
    shape = PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=2)
    get_peft_model(T5ForConditionalGeneration.from_pretrained(model), shape).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="soft prompt"):
        a_policy(model, adapter=tmp_path)


def test_the_stream_of_prompts_reads_each_once_a_pass() -> None:
    # Seven prompts, batches of three: seven steps are three passes.
    read = [row for step in range(7) for row in rows_of_step(7, step, 3, seed=1)]
    assert [sorted(read[start : start + 7]) for start in (0, 7, 14)] == [list(range(7))] * 3
    assert read[:7] != read[7:14]
    assert rows_of_step(7, 2, 3, seed=1) == read[6:9], "a step can be asked for on its own"


def test_noise_differs_by_seed_step_and_number_and_comes_back_the_same() -> None:
    noise = sampling_noise(1, 2, [5, 6], 4)
    assert torch.equal(noise[1], sampling_noise(1, 2, [6], 4)[0])
    rows = [noise[0], noise[1], sampling_noise(1, 3, [5], 4)[0], sampling_noise(2, 2, [5], 4)[0]]
    assert len({tuple(row.tolist()) for row in rows}) == 4


def test_buckets_hold_like_lengths_and_every_row_once() -> None:
    lengths = [random.Random(0).randrange(9) for _ in range(10)]
    found = buckets([5, 1, 9, 2], 2)
    assert found == [[1, 3], [0, 2]]
    assert sorted(index for group in buckets(lengths, 3) for index in group) == list(range(10))


def test_dialogues_are_rendered_and_long_prompts_are_left_out_and_counted(model: Path, tmp_path: Path) -> None:
    policy = a_policy(model)
    path = write_rows(tmp_path / "a.jsonl", {"dialogue": TEXTS[0]}, {"prompt": "Hi"}, {"prompt": "word " * 300})
    prompts, left_out = read_prompts([path], policy, 200)
    assert TEXTS[0] in prompts[0].text and len(prompts[0].text) > len(TEXTS[0])
    assert prompts[1].text == "Hi" and prompts[1].ids[-1] == policy.end
    assert left_out == 1


def test_a_row_without_a_prompt_and_a_file_of_long_ones_are_refused(model: Path, tmp_path: Path) -> None:
    policy = a_policy(model)
    with pytest.raises(UsageError, match="row 2"):
        read_prompts([write_rows(tmp_path / "a.jsonl", {"prompt": "Hi"}, {"text": "x"})], policy, 200)
    with pytest.raises(DataMissing, match="window"):
        read_prompts([write_rows(tmp_path / "b.jsonl", {"prompt": "word " * 300})], policy, 20)


def test_a_policy_that_reads_tags_gets_them_and_its_responses_have_the_names(tmp_path: Path) -> None:
    policy = a_policy(copy_tagged_model(tmp_path / "tagged"))
    rows = [{"dialogue": TAGGED_TALK.format(*names)} for names in (("Maya", "Tom"), ("Ida", "Bo"))]

    prompts, _ = read_prompts([write_rows(tmp_path / "rows.jsonl", *rows)], policy, 512)

    assert prompts[0].ids == prompts[1].ids
    assert "Maya" in prompts[0].text
    assert respond(policy, prompts, 20, 2) == ["Tom will book the room.", "Bo will book the room."]
