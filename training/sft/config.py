"""The options of `assistant-train sft`, `adapt` and `memory`."""

from typing import Literal

import msgspec

from assistant.records import Task
from training.runs.schedules import Schedule

Method = Literal["lora", "full", "prompt-tuning", "selective"]
RATES: dict[Method, float] = {"lora": 1e-3, "full": 3e-4, "prompt-tuning": 0.3, "selective": 1e-3}
"""Default AdamW learning rates, higher for methods with few weights (Hu et al. 2021; Lester et al. 2021, table 3)."""


class TuningConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which weights to train, and how. Shared by supervised fine-tuning and continued pre-training."""

    method: Method = "lora"
    """`lora` trains a small adapter, `full` all weights, `prompt-tuning` a soft prompt before every text, `selective`
    the norms or the last layers."""
    rank: int = 32
    """LoRA: rank."""
    alpha: int = 32
    """LoRA: alpha, the scale that is divided by the rank."""
    targets: Literal["attention", "all-linear"] = "attention"
    """LoRA: attach to queries and values, or to every linear layer."""
    dropout: float = 0.0
    """LoRA: dropout on the adapter's input."""
    virtual_tokens: int = 20
    """Prompt tuning: length of the soft prompt."""
    prompt_text: str = "Summarize what was said in the following conversation."
    """Prompt tuning: text whose embeddings initialize the soft prompt."""
    last_layers: int = 0
    """Selective: number of last encoder and decoder layers to train; 0 trains only the norms."""
    learning_rate: float = 0.0
    """AdamW learning rate; 0 for the method's default."""
    lr_schedule: Schedule = "linear"
    """Schedule of the learning rate, by transformers' names: `linear` and `cosine` fall to 0, `inverse_sqrt` falls
    slowly, `constant` and `constant_with_warmup` stay."""
    warmup_steps: int = 20
    """Steps over which the learning rate rises; not for `constant`."""
    max_gradient_norm: float = 1.0
    """Clip gradients to this norm."""
    epochs: float = 3.0
    """Passes over the data, unless `max_steps` ends the run sooner."""
    max_steps: int = 0
    """Updates, at most; 0 for as many as the epochs take."""
    batch_size: int = 8
    """Examples per pass through the model, on each process."""
    accumulation: int = 1
    """Passes whose gradients accumulate into one update."""
    activation_checkpointing: bool = False
    """Recompute activations instead of storing them: less memory, a third more time."""
    bf16: bool = True
    """Use bfloat16 on a GPU. A CPU always uses float32."""
    target_tokens: int = 128
    """Longest target text in tokens. Longer ones are left out and counted."""
    save_every: int = 50
    """Updates between evaluations on held-out data. A checkpoint follows each."""
    patience: int = 4
    """Stop after this many evaluations without a better loss; 0 for never."""
    show_every: int = 1
    """Evaluations between tables of dialogue, reference and output; 0 for none."""
    log_every: int = 10
    """Updates between lines in metrics.jsonl."""
    judge: int = 100
    """Held-out conversations to summarize before and after, for the figures; 0 for none."""
    forgetting: tuple[str, ...] = ()
    """Files of other tasks to evaluate before and after, to measure forgetting."""
    forgetting_cases: int = 100
    """Cases from each of those files."""
    threads: int = 0
    """CPU threads; 0 uses every core."""
    seed: int = 20261121
    """Seed of order, fresh weights and choice of wordings."""

    @property
    def rate(self) -> float:
        """The learning rate; the method's default if none is set."""
        return self.learning_rate or RATES[self.method]


class SftConfig(TuningConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Supervised fine-tuning on texts and the answers that people wrote."""

    task: Task = "summary"
    """What to ask the model about a conversation."""
    phrasings: Literal["all", "default"] = "all"
    """Vary the wording of the instruction between examples, or always use the default."""
    rated: bool = False
    """Learn from your own conversations: answers rated good, and the best of each ranking."""
    download: bool = False
    """Fetch a data set from the Hub. Without it, only data on this machine are read."""
    held_out: float = 0.1
    """Share of the conversations held out when `--dev` is not given, at most 200."""
    replay: str = ""
    """Other tasks to mix in against forgetting: JSON Lines with "input" and "target", or "dialogue" and "summary"."""
    replay_share: float = 0.2
    """Share of replayed examples in the mixture."""
    rationales: str = ""
    """Solved questions to learn reasoning from: JSON Lines with "question", "rationale" and "answer"."""
    rationale_share: float = 0.1
    """Share of reasoning examples in the mixture."""
    teacher: str = ""
    """Larger model whose summaries replace the reference summaries (sequence-level distillation, Kim and Rush 2016)."""


class AdaptConfig(TuningConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Continued pre-training by span corruption (Raffel et al. 2020, section 3.1.4) on documents."""

    learning_rate: float = 5e-4
    """AdamW learning rate."""
    chunk_tokens: int = 256
    """Length in tokens of the pieces that documents are split into."""
    noise: float = 0.15
    """Share of tokens to hide."""
    span: float = 3.0
    """Mean length of a hidden run of tokens."""
    dev_summaries: str = ""
    """Conversations with summaries, to evaluate summaries before and after."""


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shape of the training. Defaults are those of `assistant-train sft`."""

    batch_size: int = 8
    """Examples per pass through the model."""
    length: int = 256
    """Source length in tokens."""
    target_length: int = 48
    """Target length in tokens."""
    rank: int = 32
    """LoRA: rank, on queries and values."""
    virtual_tokens: int = 20
    """Prompt tuning: length of the soft prompt."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Type of the activations in training. Trained weights stay float32."""
    activation_checkpointing: bool = False
    """Recompute activations instead of storing them."""
