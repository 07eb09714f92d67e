"""The options of `assistant-train sft`, `adapt` and `memory`."""

from typing import Literal

import msgspec

from assistant.records import Task

Method = Literal["lora", "full", "prompt-tuning", "selective"]
RATES: dict[Method, float] = {"lora": 1e-3, "full": 3e-4, "prompt-tuning": 0.3, "selective": 1e-3}
"""AdamW's step where none is given: few weights take a larger one (Hu et al. 2021; Lester et al. 2021, table 3)."""


class TuningConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which weights are trained and how fast. What supervised tuning and continued pre-training share."""

    method: Method = "lora"
    """`lora` trains a small adapter, `full` all weights, `prompt-tuning` vectors that stand before every text,
    `selective` the norms or the last layers."""
    rank: int = 32
    """LoRA: the rank of its two factors."""
    alpha: int = 32
    """LoRA: its scale, divided by the rank."""
    targets: Literal["attention", "all-linear"] = "attention"
    """LoRA: beside queries and values, or beside every linear layer."""
    dropout: float = 0.0
    """LoRA: dropout on its input."""
    virtual_tokens: int = 20
    """Prompt tuning: how many vectors."""
    prompt_text: str = "Summarize what was said in the following conversation."
    """Prompt tuning: the text whose embeddings the vectors start from."""
    last_layers: int = 0
    """Selective: so many last layers of encoder and decoder; 0 for the norms alone."""
    learning_rate: float = 0.0
    """AdamW's step; 0 for the method's own."""
    warmup_steps: int = 20
    """Steps in which the learning rate rises; it then falls to 0 in a straight line."""
    weight_decay: float = 0.0
    """AdamW's pull towards 0."""
    max_gradient_norm: float = 1.0
    """Longer gradients are scaled down to this length."""
    epochs: float = 3.0
    """Passes over the data, where max_steps does not end it before."""
    max_steps: int = 0
    """Updates at most; 0 for as many as the epochs take."""
    batch_size: int = 8
    """Examples in one pass through the model, on each process."""
    accumulation: int = 1
    """Passes whose gradients are added up for an update."""
    activation_checkpointing: bool = False
    """Whether activations are computed again instead of kept: less memory, a third more time."""
    bf16: bool = True
    """Whether a GPU computes in bfloat16; a CPU always takes float32."""
    target_tokens: int = 128
    """Longest text to learn to write, in tokens; longer ones are left out and counted."""
    save_every: int = 50
    """Updates between two looks at held-out data, each followed by a checkpoint."""
    patience: int = 4
    """Looks without a better loss after which training ends; 0 for never."""
    show_every: int = 1
    """Looks between two tables of dialogue, reference and output; 0 for none."""
    log_every: int = 10
    """Updates between two lines of metrics.jsonl."""
    judge: int = 100
    """Held-out conversations that are summarized before and after, for the figures; 0 for none."""
    forgetting: tuple[str, ...] = ()
    """Files of other tasks to judge before and after: what was forgotten stands next to what was gained."""
    forgetting_cases: int = 100
    """So many cases of each of them."""
    threads: int = 0
    """CPU threads; 0 uses every core."""
    seed: int = 20261121
    """Fixes order, fresh weights and the choice of phrasings."""

    @property
    def rate(self) -> float:
        """The learning rate that is used."""
        return self.learning_rate or RATES[self.method]


class SftConfig(TuningConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Supervised tuning on texts and the answers that people wrote."""

    task: Task = "summary"
    """What the model is asked for about a conversation."""
    phrasings: Literal["all", "default"] = "all"
    """Whether each example is put in one of the several wordings of the instruction, or all in the default."""
    rated: bool = False
    """Learn from the user's own conversations: answers rated good, and the best of each ranking."""
    download: bool = False
    """Whether a data set of the Hub may be fetched; without it only what is on this machine is read."""
    held_out: float = 0.1
    """Without --dev: the share of the conversations that is held out."""
    held_out_at_most: int = 200
    """Without --dev: never hold out more conversations than this."""
    replay: str = ""
    """Other tasks to keep alive, JSON Lines with "input" and "target" or "dialogue" and "summary"."""
    replay_share: float = 0.2
    """The share of the mixture that is replayed."""
    rationales: str = ""
    """Solved questions to learn reasoning from, JSON Lines with "question", "rationale" and "answer"."""
    rationale_share: float = 0.1
    """The share of the mixture that is reasoning."""
    teacher: str = ""
    """A larger model whose summaries are learnt instead of people's (Kim and Rush 2016, sequence level)."""


class AdaptConfig(TuningConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Continued pre-training by span corruption (Raffel et al. 2020, section 3.1.4) on documents."""

    learning_rate: float = 5e-4
    """AdamW's step."""
    chunk_tokens: int = 256
    """Documents are read in pieces of this length."""
    noise: float = 0.15
    """The share of tokens that is hidden."""
    span: float = 3.0
    """Mean length of a hidden run of tokens."""
    dev_summaries: str = ""
    """Conversations with summaries, to see what the summaries are like before and after."""


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of what is trained. Defaults are those of `assistant-train sft`."""

    batch_size: int = 8
    """Examples in one pass through the model."""
    length: int = 256
    """Tokens of a source."""
    target_length: int = 48
    """Tokens of a target."""
    rank: int = 32
    """LoRA: the rank of its two factors, beside queries and values."""
    virtual_tokens: int = 20
    """Prompt tuning: how many vectors."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What activations are computed in while training; weights that are trained stay float32."""
    activation_checkpointing: bool = False
    """Whether activations are computed again instead of kept."""
    max_steps: int = 0
    """Without a meaning here: what a step takes does not hang on how many there are."""
    seed: int = 20261121
    """Without a meaning here: nothing is drawn."""
