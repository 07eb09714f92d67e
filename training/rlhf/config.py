"""What can be set for `assistant-train rlhf`."""

from typing import Literal

import msgspec

from training.ppo.config import PpoConfig
from training.prefer.config import PreferConfig

Method = Literal["ppo", "dpo", "ipo", "orpo", "kto", "simpo", "best-of-n"]


class GateLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate has to show before it may answer."""

    min_win_rate: float = 0.5
    """The win rate's lower bound must lie above this."""
    min_conversations: int = 300
    """Unrated conversations below which a win rate proves nothing."""
    max_growth: float = 1.1
    """Where answers grew by more than this factor, the win rate must hold at equal length too."""
    max_rouge_loss: float = 2.0
    """ROUGE-1 points that may be lost, at the lower end of the interval."""
    max_forgetting: float = 0.15
    """Nats a token that other tasks' texts may have become less likely, at the upper end of the interval."""
    trial_below: int = 200
    """With fewer pairs than this, people have to prefer the candidate in a blind trial too."""
    trial_answers: int = 10
    """Decided comparisons that a trial needs."""


class RlhfConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The loop from ratings to a better model. The defaults are for 100 to 500 pairs and a small model on a CPU."""

    skip: tuple[Literal["proof_of_reward", "ppo", "gate", "trial", "promotion"], ...] = ()
    """Stages to leave out; each is recorded. Without its proof the reward is used unproven; without `promotion` the
    candidate is judged and kept, and the current model stays."""
    method: Method = "ppo"
    """How the candidate learns: `ppo` from the reward, on its own samples; `dpo`, `ipo`, `orpo`, `simpo` from the pairs
    themselves, `kto` from pairs and thumbs; `best-of-n` copies the drafts that the reward likes best."""
    max_steps: int = 80
    """Steps of learning."""
    beta: float = 0.0
    """dpo, ipo, orpo, kto, simpo: `prefer`'s beta; 0 for the method's usual one."""
    drafts: int = 4
    """best-of-n: drafts of a conversation."""
    min_pairs: int = 40
    """Fewest pairs to begin with."""
    min_dialogues: int = 10
    """Fewest rated conversations to begin with."""
    dev_share: float = 0.2
    """Share of the rated conversations on which the reward must prove itself."""
    judge_share: float = 0.3
    """Share of the rated conversations that only the judge learns from."""
    reward_method: Literal["auto", "counted", "lora"] = "counted"
    """How reward and judge learn: `counted` weighs what can be counted in a text, in seconds; `lora` also tunes an
    encoder; `auto` keeps the encoder where it helps."""
    warm_start: bool = True
    """Whether reward and judge start from what was learnt on pairs that need no people."""
    preference_weight: float = 1.0
    """Weight of the learnt reward, in standard deviations of the current model's answers."""
    support_weight: float = 0.3
    """What each name or number that the conversation lacks costs."""
    repetition_weight: float = 1.0
    """What a text that only repeats itself costs."""
    roles_weight: float = 0.0
    """What it earns that the people named did what the text says, and costs where somebody else did."""
    length_weight: float = 0.0
    """What a text of `length_words` earns; one of none or twice as many earns nothing."""
    length_words: int = 20
    """Words that an answer should have, where `length_weight` is above 0."""
    length_control: float = 1.0
    """How much of the reward's liking for few words is not paid, as a multiple of the share of what the reward knows
    that length alone does not: short goes along with what people mean, and PPO would take it for that. 0 pays all."""
    harm_weight: float = 1.0
    """What a surely toxic text costs."""
    prompts: int = 600
    """Unrated conversations of the gate's own and the user's that PPO practises on beside the rated ones, at most."""
    gate_conversations: int = 480
    """Unrated conversations on which candidate and current model are compared, at most; at least 300."""
    provoking: int = 500
    """Provoking conversations, at most."""
    max_kl: float = 3.0
    """Nats a response that the candidate may be from the current model. A learnt reward goes on rising far beyond that,
    at the price of what nobody rated."""
    max_practice_loss: float = 0.25
    """ROUGE-1 points that a checkpoint may have lost on practice conversations, and still be kept."""
    anchor_weight: float = 0.1
    """Weight of learning from people's summaries of half of the practice conversations beside the reward, which keeps
    what nobody rated of summaries, and forgets other tasks sooner. 0 for none, and all of them choose, as they do where
    `--dev` brings no summary."""
    learning_rate: float = 3e-4
    """AdamW's step on the adapter's weights."""
    kl_coefficient: float = 0.3
    """What a nat of KL to the current model costs, to begin with, in standard deviations of the reward."""
    kl_target: float = 1.0
    """KL that the coefficient is steered towards, in nats a response; 0 keeps the coefficient fixed."""
    kl_horizon: int = 100
    """Responses over which the coefficient may change by a fifth: a run has some hundred."""
    average: float = 0.9
    """What the running mean of the policy's weights, which is judged and kept, keeps of itself a step; 0 for the latest
    weights, which shake: from one judgement to the next their answers lose and win back points of ROUGE-1."""
    batch_size: int = 16
    """Responses a step, which ppo learns from in two halves, or pairs."""
    epochs: int = 4
    """ppo: times that a step's responses are learnt from."""
    max_new_tokens: int = 48
    """Longest response in tokens."""
    judge_every: int = 10
    """Steps between two judgements, which choose the policy that is kept."""
    judge_prompts: int = 352
    """Conversations by which checkpoints are judged, and the best of n, at most."""
    seed: int = 20261121
    """Fixes split, samples, adapters and order."""
    gate: GateLimits = GateLimits()
    """What a candidate has to show."""

    def prefer(self) -> PreferConfig:
        """The configuration of the methods that need no reward; of `best-of-n`, which copies what was chosen."""
        return PreferConfig(
            method="chosen" if self.method == "ppo" or self.method == "best-of-n" else self.method,
            beta=self.beta,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            held_out=0.0,
            judge_every=self.judge_every,
            max_kl=self.max_kl,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
        )

    def ppo(self, reward: tuple[str, ...], anchor: str = "") -> PpoConfig:
        """PPO's own configuration, paid by these parts, with the summaries of the file `anchor` beside them."""
        return PpoConfig(
            reward=reward,
            anchor=anchor if self.anchor_weight else "",
            anchor_weight=self.anchor_weight if anchor else 0.0,
            max_steps=self.max_steps,
            batch_size=self.batch_size,
            mini_batch_size=self.batch_size // 2,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
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
