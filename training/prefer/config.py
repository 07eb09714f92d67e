"""What can be set for `assistant-train prefer`."""

from typing import Literal, NamedTuple

import msgspec

Method = Literal["dpo", "ipo", "orpo", "kto", "simpo", "chosen"]


class Nature(NamedTuple):
    """What a method is like: its usual beta, whether it looks at the reference, and whether it takes smoothing."""

    beta: float
    needs_reference: bool
    takes_smoothing: bool


NATURES: dict[Method, Nature] = {
    "dpo": Nature(0.1, needs_reference=True, takes_smoothing=True),
    "ipo": Nature(0.1, needs_reference=True, takes_smoothing=False),
    "orpo": Nature(0.1, needs_reference=False, takes_smoothing=False),
    "kto": Nature(0.1, needs_reference=True, takes_smoothing=False),
    "simpo": Nature(2.0, needs_reference=False, takes_smoothing=True),
    "chosen": Nature(0.0, needs_reference=False, takes_smoothing=False),
}
"""Betas are those of the papers; ORPO calls it lambda, IPO tau."""


class PreferConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Method, adapter and training. The defaults are for some hundred pairs and a small model on a CPU."""

    method: Method = "dpo"
    """`dpo`, `ipo`, `orpo` and `simpo` learn which of two answers is better; `kto` learns from thumbs too; `chosen`
    only copies the better answers, which the others should beat."""
    beta: float = 0.0
    """How strongly the model is held near the original (dpo, ipo, kto), or how much a difference counts (orpo, simpo);
    0 for the method's usual one: 0.1, simpo 2."""
    margin: float = 1.0
    """simpo: how much better the chosen answer should be, beta times its log-probability a token; the paper's gamma."""
    label_smoothing: float = 0.0
    """dpo, simpo: the share of pairs that you think stand the wrong way round, below 0.5."""
    good_weight: float = 0.0
    """kto: weight of a good answer beside a bad one's 1; 0 weighs both sides alike, however many there are."""
    chosen_weight: float = 0.0
    """Weight of learning the chosen answers themselves beside the method, in nats a token; 0 for none."""
    adapter: str = ""
    """Folder of the LoRA adapter to go on from; empty for the model's own, or a fresh one where it has none."""
    adapt: Literal["decoder", "all"] = "decoder"
    """Which adapter weights are trained. With `decoder` each conversation is encoded once in a run."""
    lora_rank: int = 16
    """For a fresh adapter: its rank."""
    lora_alpha: int = 32
    """For a fresh adapter: its scale, divided by the rank."""
    lora_targets: tuple[str, ...] = ("q", "v")
    """For a fresh adapter: the linear layers it stands beside."""
    epochs: float = 3.0
    """Times that the pairs are learnt from."""
    max_steps: int = 0
    """Steps, where not 0; `epochs` does not count then."""
    batch_size: int = 16
    """Pairs a step, for kto answers."""
    micro_batch_size: int = 8
    """Pairs in one pass through the model; gradients are added up over the passes of a step."""
    learning_rate: float = 3e-4
    """AdamW's step on the adapter's weights. A model as small as pocket takes 1e-3."""
    warmup_share: float = 0.1
    """Share of the steps in which the learning rate rises; it then falls to 0 in a straight line."""
    max_gradient_norm: float = 1.0
    """Longer gradients are scaled down to this length."""
    window: int = 512
    """Longest prompt in tokens; pairs with a longer one are left out and counted."""
    answer_tokens: int = 128
    """Longest answer in tokens; pairs with a longer one are left out and counted."""
    held_out: float = 0.1
    """Without `--dev`: share of the conversations that are held out to judge by; 0 for none."""
    judge_every: int = 20
    """Steps between two judgements on the held-out pairs, which choose the weights that are kept; 0 for none."""
    kl_prompts: int = 32
    """Held-out prompts that are answered at each judgement to measure the KL to the original."""
    max_kl: float = 15.0
    """Largest KL, in nats an answer, at which weights may become the best."""
    max_new_tokens: int = 48
    """Longest of those answers in tokens."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the frozen weights; adapters and losses are float32."""
    download: bool = False
    """Fetch the data set of the Hub that `--data` names; without it only what lies on this machine is read."""
    seed: int = 20261121
    """Fixes held-out pairs, fresh adapters, order and samples."""
    log_every: int = 1
    """Steps between two lines of metrics.jsonl."""
    save_every: int = 10
    """Steps between two checkpoints."""

    @property
    def strength(self) -> float:
        """Beta, the method's usual one where none is set."""
        return self.beta or NATURES[self.method].beta
