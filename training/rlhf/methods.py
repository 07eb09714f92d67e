"""The training methods. Each is a function that takes a `Setting`, writes an adapter into the run's folder, and returns
figures.

All methods start from the same adapter and are stopped, resumed and judged alike. They keep the checkpoint that the
judge scores highest, with answers as served, among those within `max_kl` that lost little ROUGE-1.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import UNSET, UnsetType

from assistant.files import write_atomically
from assistant.locations import ensure_dir
from assistant.records import ModelVersion
from training.ppo import stage as ppo
from training.ppo.config import Estimator, PpoConfig
from training.ppo.policy import Policy
from training.ppo.ppo_ptx import Anchor
from training.ppo.trainer import PpoInputs
from training.prefer import stage as prefer
from training.prefer.examples import Material, Preferred, answered, material_of, prompts_of
from training.reward.parts import RewardFunction, parse_terms, weighted
from training.rlhf.best_of_n import Pick, sampling
from training.rlhf.config import Method, RlhfConfig
from training.rlhf.gate_measurements import Writer
from training.rlhf.ratings import Rated
from training.rlhf.reward_models import Judges
from training.rlhf.rouge_guard import Restraint
from training.rlhf.served_policy import Served
from training.runs.curves import CURVES, write_curves
from training.runs.distributed import Ranks
from training.runs.job import Job
from training.runs.run import Run


@dataclass(frozen=True, slots=True)
class Setting:
    """The input of a method: the run, the model to start from, the ratings, and the judges of its checkpoints.

    `paid` is PPO's configuration, with the parts of the reward. Its PPO-ptx summaries serve every method. `practice`
    and `judged` are files of prompts, to train on and to select the checkpoint on.
    """

    job: Job[RlhfConfig]
    run: Run
    current: ModelVersion
    base: ModelVersion
    adapter: Path | None
    rated: Rated
    judges: Judges
    writer: Writer
    paid: PpoConfig
    practice: Path
    judged: Path
    answers: Served
    spare: Restraint

    @property
    def out(self) -> Path:
        """Folder for the candidate's adapter."""
        return self.run.folder / "adapter"


class Judgement(msgspec.Struct, frozen=True):
    """An evaluated checkpoint: step, mean judge score, KL in nats, and how much more ROUGE-1 it might lose."""

    step: int
    judge: float
    kl: float
    spare: float = 0.0


class PpoFound(msgspec.Struct, frozen=True, kw_only=True):
    """A method's result. `kl` is that of the kept checkpoint or of the last step, in nats per response. `curve` has
    every evaluated checkpoint, `best_of` the best-of-n baseline. Figures that a method does not measure are unset.
    """

    kl: float
    method: str = "ppo"
    curve: list[Judgement] = []
    best_of: list[Pick] = []
    steps: float | UnsetType = UNSET
    kept_step: float | UnsetType = UNSET
    left_out: float | UnsetType = UNSET
    trained_parameters: float | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    best_judge: float | UnsetType = UNSET
    best_kl: float | UnsetType = UNSET
    dev_judge: float | UnsetType = UNSET
    dev_spare: float | UnsetType = UNSET
    dev_loss: float | UnsetType = UNSET
    dev_accuracy: float | UnsetType = UNSET

    @property
    def kept_kl(self) -> float:
        """KL of the kept checkpoint, in nats per response."""
        return self.kl if self.best_kl is UNSET else self.best_kl


Align = Callable[[Setting], PpoFound]


def align(setting: Setting) -> PpoFound:
    """Train the candidate's adapter with the configured method."""
    return METHODS[setting.job.config.method](setting)


def _by_ppo(setting: Setting) -> PpoFound:
    config, data = setting.paid, [setting.practice, setting.judged]

    def train(inner: Run) -> dict[str, float]:
        inputs = PpoInputs(
            config=config,
            model=Path(setting.base.folder),
            data=[setting.practice],
            adapter=setting.adapter,
            dev=setting.judged,
            reward=setting.judges.reward_parts,
            judge=setting.judges.judge,
            spare=setting.spare,
            answers=setting.answers,
        )
        return ppo.train(inputs, setting.out, inner, setting.job.stop, report=setting.job.report)

    return _inside(setting, "ppo", config, data, train)


def _by_preference(setting: Setting) -> PpoFound:
    """Train on the rated pairs, for kto also on thumbs, of the reward's conversations. The pairs of the part `dev` are
    held out.
    """
    own = Preferred(tuple(setting.rated.parts["reward"]), tuple(setting.rated.labels))
    config = setting.job.config.prefer()
    material = material_of(own, Preferred(tuple(setting.rated.parts["dev"])), setting.base, config)
    return _learnt(setting, material)


def _by_best_of_n(setting: Setting) -> PpoFound:
    """Imitate the current model's best drafts by the reward (Stiennon et al. 2020)."""
    kept = setting.run.folder / "best_drafts.json"
    prompts = _read_prompts(setting.practice)
    if not kept.exists():
        setting.job.say(f"{setting.job.config.drafts} drafts for each of {len(prompts)} conversations …")
        drafts = setting.writer.write(setting.current, prompts, sampling(setting.job.config, setting.job.config.drafts))
        write_atomically(
            kept, json.dumps(best_drafts(prompts, drafts, setting.paid, setting.judges.reward_parts)).encode()
        )
    best: list[str] = json.loads(kept.read_bytes())
    pairs = list(zip(prompts, best, strict=True))
    return _learnt(setting, answered(pairs, setting.base, setting.job.config.prefer()))


def _learnt(setting: Setting, material: Material) -> PpoFound:
    config = setting.job.config.prefer()
    prompts = prompts_of(_read_prompts(setting.judged), setting.base, config)

    def appraise(policy: Policy) -> tuple[float, float]:
        texts = [prompt.text for prompt in prompts]
        answers = setting.answers(policy, texts)
        verdicts = setting.judges.judge(texts, answers)
        return sum(verdicts) / len(verdicts), setting.spare(texts, answers)

    def train(inner: Run) -> dict[str, float]:
        return prefer.train(
            *(config, Path(setting.base.folder), setting.adapter, material, prompts),
            *(setting.out, inner, setting.job.stop),
            appraise=appraise,
            beside=_Beside(setting.paid) if setting.paid.anchor else None,
            report=setting.job.report,
        )

    return _inside(setting, "prefer", config, [setting.practice, setting.judged], train)


class _Beside:
    """PPO-ptx for the other methods: also learns from reference summaries."""

    def __init__(self, config: PpoConfig) -> None:
        self._config = config
        self._anchor: Anchor | None = None

    def __call__(self, policy: Policy, update: int) -> float:
        self._anchor = self._anchor or Anchor(self._config, policy, Ranks())
        return self._anchor.accumulate(update)


def _inside(
    setting: Setting, stage: str, config: Any, data: Sequence[Path], train: Callable[[Run], dict[str, float]]
) -> PpoFound:
    """Train in a nested run inside the loop's run. Resumes the nested run if there is one."""
    root = ensure_dir(setting.run.folder / "ppo")
    if any(root.glob(f"{stage}-*/manifest.json")):
        inner = Run.resume(stage, None, config, data, root=root)
    else:
        inner = Run.start(stage, config, data, config.seed, root=root)
    try:
        with setting.job.following(inner):
            figures = train(inner)
        setting.job.check_stop(setting.run)
        inner.finish(str(setting.out))
        write_curves(inner.metrics(), CURVES["rlhf" if stage == "ppo" else stage], setting.run.folder / "curves.png")
    finally:
        inner.close()
    curve = [
        {"step": row["step"], "judge": row["dev_judge"], "kl": row["dev_kl"], "spare": row.get("dev_spare", 0.0)}
        for row in inner.metrics()
        if "dev_judge" in row
    ]
    return msgspec.convert({**figures, "method": setting.job.config.method, "curve": curve}, PpoFound)


def best_drafts(
    prompts: Sequence[str], drafts: Sequence[Sequence[str]], paid: PpoConfig, reward: RewardFunction
) -> list[str]:
    """Return each prompt's draft with the highest reward, weighted as for PPO."""
    flat = [prompt for prompt, texts in zip(prompts, drafts, strict=True) for _ in texts]
    parts = reward(flat, [text for texts in drafts for text in texts])
    scores = iter(weighted(parts, parse_terms(paid.reward), len(flat)))
    return [max(((next(scores), text) for text in texts), key=itemgetter(0))[1] for texts in drafts]


def _read_prompts(place: Path) -> list[str]:
    return [json.loads(line)["prompt"] for line in place.read_text(encoding="utf-8").splitlines()]


METHODS: dict[Method, Align] = {
    **dict.fromkeys(get_args(Estimator), _by_ppo),
    **dict.fromkeys(("dpo", "ipo", "orpo", "kto", "simpo"), _by_preference),
    "best-of-n": _by_best_of_n,
}
"""Method -> function that trains an adapter."""
