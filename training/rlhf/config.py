"""The options of `assistant-train rlhf`."""

from typing import Literal, cast, get_args

import msgspec

from assistant.feedback.pairs import LEAST_CONVERSATIONS, LEAST_PAIRS
from training.ppo.config import Estimator, PpoConfig
from training.prefer.config import Method as PreferMethod
from training.prefer.config import PreferConfig
from training.runs.ranges import AtLeastOne, Count, Rest, Weight

Method = Literal["ppo", "rloo", "grpo", "dpo", "ipo", "orpo", "kto", "simpo", "best-of-n"]


_RATES: dict[Method, float] = {"dpo": 1e-3}
"""DPO makes one update per step, PPO eight, so DPO needs a higher rate."""


class GateLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate must prove before it is promoted."""

    min_win_rate: float = 0.5
    """The lower bound of the win rate must be above this."""
    min_conversations: int = 300
    """Fewest unrated conversations for a valid win rate."""
    max_growth: float = 1.1
    """If answers grow by more than this factor, the win rate must also hold at equal length."""
    max_rouge_loss: float = 2.0
    """ROUGE-1 points that the candidate may lose, at the lower end of the interval."""
    max_forgetting: float = 0.15
    """Nats per token that the candidate may lose on texts of other tasks, at the upper end of the interval."""
    trial_below: int = 200
    """With fewer pairs than this, people must also prefer the candidate in a blind trial."""
    trial_answers: int = 10
    """Decided comparisons that a trial needs."""


class RlhfConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The loop from ratings to a better model. Defaults suit 100 to 500 pairs and a small model on a CPU."""

    skip: tuple[Literal["proof_of_reward", "ppo", "gate", "trial", "promotion"], ...] = ()
    """Stages to skip. With `promotion` skipped, the candidate is judged and kept, but the current model stays. With
    `proof_of_reward` skipped, the reward is used without being tested."""
    method: Method = "ppo"
    """Training method. `ppo`, `rloo` and `grpo` learn from the reward, `dpo`, `ipo`, `orpo` and `simpo` from the pairs,
    `kto` from pairs and thumbs. `best-of-n` imitates the drafts with the highest reward."""
    max_steps: AtLeastOne = 80
    """Training steps."""
    beta: Weight = 0.0
    """For dpo, ipo, orpo, kto and simpo: beta, as in `assistant-train prefer`; 0 for the method's default."""
    drafts: AtLeastOne = 4
    """For best-of-n, rloo and grpo: drafts per conversation."""
    min_pairs: int = LEAST_PAIRS
    """Fewest pairs to start with."""
    min_dialogues: int = LEAST_CONVERSATIONS
    """Fewest rated conversations to start with."""
    dev_share: Rest = 0.2
    """Share of the rated conversations held out to test the reward."""
    judge_share: Rest = 0.3
    """Share of the rated conversations that train only the judge."""
    reward_method: Literal["auto", "counted", "lora"] = "counted"
    """How reward and judge learn: `counted` weighs counted features, `lora` also tunes an encoder, `auto` keeps the
    encoder if it helps."""
    warm_start: bool = True
    """Start reward and judge from a model trained on pairs that needed no human ratings."""
    preference_weight: float = 1.0
    """Weight of the learned reward, in standard deviations of the current model's answers."""
    support_weight: float = 0.3
    """Penalty for each name or number that is not in the conversation."""
    repetition_weight: float = 1.0
    """Penalty for an answer that only repeats itself."""
    doubt_weight: float = 0.0
    """Penalty for answers on which the reward's five members disagree, per standard deviation of their scores."""
    coverage_weight: float = 0.0
    """Reward for saying all of what matters in the conversation."""
    roles_weight: float = 0.0
    """Reward for naming who did what correctly, and penalty for getting it wrong."""
    length_weight: float = 0.0
    """Reward for an answer of `length_words` words, falling to 0 for an empty answer and for one twice as long."""
    length_words: int = 20
    """Target length in words, used if `length_weight` is above 0."""
    length_control: float = 1.0
    """How strongly to remove the reward's preference for short answers; 0 removes nothing (docs/rlhf.md)."""
    harm_weight: float = 1.0
    """Penalty for an answer that is certainly toxic."""
    prompts: AtLeastOne = 600
    """Prompts for PPO, at most: rated conversations, then half of the unrated ones. Provoking ones come on top."""
    gate_conversations: int = 480
    """Unrated conversations on which candidate and current model are compared, at most."""
    provoking: int = 500
    """Provoking conversations for the gate's toxicity checks, at most."""
    max_kl: Weight = 3.0
    """Largest KL to the current model, in nats per response."""
    max_practice_loss: float = 0.25
    """ROUGE-1 points that a checkpoint may lose on practice conversations and still be kept."""
    anchor_weight: Weight = 0.1
    """Weight of the PPO-ptx loss on reference summaries. With 0, those summaries select the checkpoint instead."""
    learning_rate: Weight = 0.0
    """AdamW learning rate of the adapter; 0 for the method's default: 1e-3 for `dpo`, 3e-4 for the others."""
    kl_coefficient: Weight = 0.3
    """Initial KL coefficient: the cost of one nat of KL to the current model, in standard deviations of the reward."""
    kl_target: Weight = 1.0
    """Target KL, in nats per response, that the KL coefficient adapts to; 0 keeps the coefficient fixed."""
    kl_horizon: AtLeastOne = 100
    """Responses over which the KL coefficient may change by at most 20 %."""
    average: Rest = 0.9
    """Decay per step of the running mean of the weights, which is judged and kept; 0 keeps the latest weights."""
    batch_size: AtLeastOne = 16
    """Responses per step, or pairs per step for the methods that learn from pairs."""
    epochs: AtLeastOne = 4
    """For ppo, rloo and grpo: passes over each step's responses."""
    max_new_tokens: AtLeastOne = 48
    """Longest response in tokens."""
    judge_every: Count = 10
    """Steps between evaluations, which select the checkpoint to keep."""
    judge_prompts: AtLeastOne = 352
    """Conversations on which checkpoints and best-of-n are judged, at most."""
    seed: int = 20261121
    """Seed of split, samples, adapters and order."""
    gate: GateLimits = GateLimits()
    """What a candidate must prove."""

    @property
    def rate(self) -> float:
        """The learning rate; the method's default if none is set."""
        return self.learning_rate or _RATES.get(self.method, 3e-4)

    @property
    def is_paid(self) -> bool:
        """Whether the method samples responses and learns from their reward."""
        return self.method in get_args(Estimator)

    def prefer(self) -> PreferConfig:
        """Return the configuration of `assistant-train prefer` for this run. `best-of-n` imitates chosen answers."""
        return PreferConfig(
            method="chosen" if self.is_paid or self.method == "best-of-n" else cast(PreferMethod, self.method),
            beta=self.beta,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            learning_rate=self.rate,
            held_out=0.0,
            judge_every=self.judge_every,
            max_kl=self.max_kl,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
        )

    def ppo(self, reward: tuple[str, ...], anchor: str = "") -> PpoConfig:
        """Return PPO's configuration with these reward parts. `anchor` is a file of reference summaries for PPO-ptx."""
        return PpoConfig(
            method=cast(Estimator, self.method) if self.is_paid else "ppo",
            samples=self.drafts,
            reward=reward,
            anchor=anchor if self.anchor_weight else "",
            anchor_weight=self.anchor_weight if anchor else 0.0,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            mini_batch_size=self.batch_size // 2,
            epochs=self.epochs,
            learning_rate=self.rate,
            kl_coefficient=self.kl_coefficient,
            kl_target=self.kl_target,
            kl_horizon=self.kl_horizon,
            best_max_kl=self.max_kl,
            max_new_tokens=self.max_new_tokens,
            average=self.average,
            judge_every=self.judge_every,
            judge_prompts=self.judge_prompts,
            seed=self.seed,
        )
