"""`assistant-train rlhf`: turns ratings into a better model, promoted only if it passes the gate.

runs/rlhf-20261121-101500-3f2a/
    rated.json          the pairs as they were when the run began
    split.json          what each conversation is used for (data_split.py)
    stages/NAME.json    the result of a finished stage; a resumed run reads it instead of repeating the stage
    reward/ judge/      the two reward models
    ppo/                the method's own run, ppo-… or prefer-…: metrics.jsonl, checkpoints
    report.html         everything on one page
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from assistant.errors import GateNotPassed, UsageError
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.locations import store_file
from assistant.models.folder import fingerprint
from assistant.models.proof import read_trial
from assistant.models.registry import choose, promoted_ref, resolve
from assistant.models.versions import VersionFacts, policy_of, promote
from assistant.records import GenerationSettings, ModelVersion
from assistant.settings import Settings, load_settings
from training.rlhf import gate_measurements as proof
from training.rlhf.best_of_n import SamplesFound, samples_of, sampling
from training.rlhf.config import RlhfConfig
from training.rlhf.data_split import (
    ANCHOR,
    JUDGED,
    PPO_PROMPTS,
    DataSplit,
    read_own,
    read_split,
    split_of,
    write_split,
)
from training.rlhf.estimate import Plan, plan_of
from training.rlhf.gate import GateFound, advise, checks, failing, write_promotion
from training.rlhf.methods import PpoFound, Setting, align
from training.rlhf.ratings import Rated, load_rated, read_rated, write_rated
from training.rlhf.report import write_page
from training.rlhf.reward_models import Judges, RewardFound, unpaid
from training.rlhf.rouge_guard import Restraint
from training.rlhf.served_policy import Served
from training.runs.data.datasets import bytes_at
from training.runs.job import Job
from training.runs.lock import alone
from training.runs.run import Run
from training.runs.versions import make_version, version_of_run

Result = TypeVar("Result", bound=msgspec.Struct)
_DRAFTS = 4


def run(job: Job[RlhfConfig]) -> dict[str, Any]:
    """Run `assistant-train rlhf`. Raises GateNotPassed, with the results so far, if the reward or the candidate fails
    its test.
    """
    with alone("rlhf") as tell, job.open_run() as run:
        tell(run.name)
        loop = _Loop(job, run)
        try:
            return loop.carry_out()
        finally:
            loop.close()


def plan(job: Job[RlhfConfig]) -> dict[str, Any]:
    """Return pairs, model, and stages with estimated times, for `--dry-run`. Raises the errors that a run would."""
    rated, settings = read_rated(job.config, job.data), load_settings()
    current = resolve(job.model, settings) if job.model else choose(settings)[0]
    made = plan_of(rated, current, job.config)
    stages = [{"stage": what, "seconds": round(seconds)} for what, seconds in made.steps]
    size = {"parameters": current.parameters, "mib": round((bytes_at(Path(current.folder)) or 0) / 2**20)}
    return {
        "model": current.ref,
        "size": size,
        "pairs": rated.figures(),
        "stages": stages,
        "seconds": round(made.seconds),
        "notes": list(made.warnings),
    }


@dataclass(frozen=True, slots=True)
class _Start:
    """The models at the start of a run. `current` is trained further: the weights `base` with `adapter`. The candidate
    must beat `rival`: the promoted model, which it would replace, or `current` if none is promoted.
    """

    current: ModelVersion
    rival: ModelVersion
    base: ModelVersion
    adapter: Path | None


class VersionFound(msgspec.Struct, frozen=True):
    """The name of the candidate's version."""

    version: str


@dataclass(slots=True)
class _Found:
    """The results of the run so far."""

    run: str
    pairs: dict[str, Any]
    reward: RewardFound
    judge: RewardFound
    ppo: PpoFound | None = None
    version: str | None = None
    gate: GateFound | None = None
    promoted: bool | None = None

    def result(self) -> dict[str, Any]:
        """Return the results as JSON values, without stages that were not reached."""
        reward = {**msgspec.to_builtins(self.reward), "judge": msgspec.to_builtins(self.judge)}
        found: dict[str, Any] = {"run": self.run, "version": self.version, "pairs": self.pairs, "reward": reward}
        reached = {"ppo": self.ppo, "gate": self.gate, "promoted": self.promoted}
        return found | {name: msgspec.to_builtins(one) for name, one in reached.items() if one is not None}


class _Loop:
    """Runs the stages of a run."""

    def __init__(self, job: Job[RlhfConfig], run: Run) -> None:
        self._job, self._run, self._config = job, run, job.config
        self._settings: Settings = load_settings()
        self._writer = proof.Writer(self._settings, lambda: job.stop.requested)
        self._began = time.monotonic()
        self._done = 0

    def close(self) -> None:
        """End the engine's worker process."""
        self._writer.close()

    def carry_out(self) -> dict[str, Any]:
        """Run every unfinished stage, in order, and return the results."""
        rated, split = self._prepared()
        start = self._start()
        self._show_plan(plan_of(rated, start.current, self._config))
        judges = Judges(self._run, rated, self._config, self._job)
        found = _Found(
            self._run.name,
            rated.figures(),
            self._stage("reward", RewardFound, judges.train_reward),
            self._stage("judge", RewardFound, judges.train_judge),
        )
        if "proof_of_reward" not in self._config.skip:
            self._check_reward(found)
        if "ppo" in self._config.skip:
            self._run.finish("reward and judge")
            return found.result()
        baseline = self._stage("samples", SamplesFound, lambda: self._samples(start, judges, split))
        made = self._stage("ppo", PpoFound, lambda: self._align(start, rated, split, judges, baseline, found.reward))
        found.ppo = msgspec.structs.replace(made, best_of=baseline.best_of)
        version = self._stage("version", VersionFound, lambda: self._version(start, rated, found.reward, made)).version
        found.version = version
        if "gate" not in self._config.skip:
            measured = self._stage("proof", proof.ProofFound, lambda: self._measure(start, version, split, judges))
            found.gate = self._gate(start, found, measured, made.kept_kl)
        return self._promote(start, found, version)

    def _stage(self, name: str, kind: type[Result], do: Callable[[], Result]) -> Result:
        """Return the stage's result. Read it if the stage is finished; otherwise run the stage and save its result."""
        place = self._run.folder / "stages" / f"{name}.json"
        self._done += 1
        if place.exists():
            return _read_found(place, kind)
        self._job.check_stop(self._run)
        self._run.log(self._done, stage=name, state="running")
        self._job.say(f"{name} …")
        began = time.monotonic()
        found = do()
        self._job.check_stop(self._run)
        # Not msgspec.json, which cannot write NaN.
        content = json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False)
        write_atomically(place, content.encode())
        self._run.log(self._done, stage=name, state="done", seconds=time.monotonic() - began)
        return found

    def _prepared(self) -> tuple[Rated, DataSplit]:
        """Return ratings and split. A new run creates them; a resumed run reads them."""
        folder = self._run.folder
        place = folder / "rated.json"
        if not place.exists():
            rated = read_rated(self._config, self._job.data)
            write_split(split_of(rated, read_own(self._job.dev), self._config), folder)
            write_rated(rated, place)  # Written last, because its existence marks the split as complete.
        rated = load_rated(place)
        return rated, read_split(folder, rated, self._job.dev, self._config)

    @property
    def _served(self) -> GenerationSettings:
        """The generation settings of the assistant, with one draft and the run's seed."""
        return msgspec.structs.replace(self._settings.generation, drafts=1, seed=self._config.seed)

    def _start(self) -> _Start:
        """Return the models of the run. Raises UsageError if the current model changed since the run started."""
        place = self._run.folder / "stages" / "start.json"
        if place.exists():
            before = json.loads(place.read_bytes())
            start = self._resolved(before["current"], before.get("rival", before["current"]))
            if fingerprint(Path(start.base.folder)) != before["fingerprint"]:
                raise UsageError(f"{before['current']} changed since {self._run.name} was started; start a new run")
            return start
        # The candidate would replace the promoted model, whichever model it was trained from.
        start = self._resolved(self._job.model, choose(self._settings)[0].ref if promoted_ref() else "")
        seen = {"current": start.current.ref, "rival": start.rival.ref, "promoted": promoted_ref()}
        seen["fingerprint"] = fingerprint(Path(start.base.folder))
        write_atomically(place, json.dumps(seen).encode())
        return start

    def _resolved(self, ref: str, rival: str) -> _Start:
        current = resolve(ref, self._settings) if ref else choose(self._settings)[0]
        if current.soft_prompt:
            raise UsageError(f"{current.ref} has a soft prompt, which PPO cannot train: name another with --model")
        opposite = resolve(rival, self._settings) if rival else current
        return _Start(current, opposite, *policy_of(current, self._settings))

    def _show_plan(self, plan: Plan) -> None:
        for line in plan.lines():
            self._job.say(line)
        self._run.log(0, stage="plan", state="done", seconds=plan.seconds)

    def _check_reward(self, found: _Found) -> None:
        """Raise GateNotPassed before PPO if the reward agrees with people no more often than chance."""
        reward = found.reward
        low = reward.lower_bound
        if low > 0.5:
            return
        self._keep(found.result())
        gain = reward.accuracy - 0.5
        # The width of the interval shrinks with the square root of the number of pairs.
        needed = reward.n * ((reward.accuracy - low) / gain) ** 2 if gain > 0.02 else None
        more = (
            f"rate about {max(10, round(needed - reward.n)) * 5} more pairs"
            if needed
            else "rate many more pairs, or more consistently"
        )
        raise GateNotPassed(
            f"the reward agrees with people on {reward.accuracy:.0%} of {reward.n} held-out pairs; its lower bound is "
            f"{low:.0%}, not above 50%, so nothing was trained on it: {more}",
            found.result(),
        )

    def _samples(self, start: _Start, judges: Judges, split: DataSplit) -> SamplesFound:
        """Sample from the current model to measure the reward's scale and best-of-n."""
        drafts = self._writer.write(start.current, split.judged, sampling(self._config, _DRAFTS))
        return samples_of(split.judged, drafts, judges.preference, judges.judge)

    def _align(
        self,
        start: _Start,
        rated: Rated,
        split: DataSplit,
        judges: Judges,
        baseline: SamplesFound,
        reward: RewardFound,
    ) -> PpoFound:
        price = unpaid(baseline.price_of_a_word, reward, self._config.length_control)
        anchor = str(self._run.folder / ANCHOR) if split.teach else ""
        config = self._config.ppo(judges.terms(baseline.spread, price), anchor)
        setting = Setting(
            *(self._job, self._run, start.current, start.base, start.adapter, rated, judges, self._writer, config),
            *(self._run.folder / PPO_PROMPTS, self._run.folder / JUDGED),
            answers=Served(self._writer, start.base, self._run.folder / "serving", self._served),
            spare=Restraint(self._run.folder / "practice.json", split.choose, self._config.max_practice_loss),
        )
        return align(setting)

    def _version(self, start: _Start, rated: Rated, reward: RewardFound, ppo: PpoFound) -> VersionFound:
        """Register the candidate, once, and record which ratings it was trained on."""
        made = version_of_run(self._run.name)
        if made is None:
            parent = start.current.ref if start.adapter else ""
            facts = VersionFacts(
                base=start.base.ref,
                method="rlhf" if self._config.method == "ppo" else f"rlhf {self._config.method}",
                parent=parent,
                run=self._run.name,
                data_hash=self._data_hash(),
                data=(*([] if self._job.data else ["ratings of this machine"]), *self._run.manifest.data),
                seed=self._config.seed,
                versions=self._run.manifest.versions,
                config=msgspec.to_builtins(self._config),
                figures={"reward accuracy": reward.accuracy, "kl": ppo.kl},
            )
            made = make_version(start.base, facts, adapter=self._run.folder / "adapter")
        if not self._job.data and store_file().exists():
            with Store.open() as store:
                store.judgements.link_version(made.ref, rated.sources(self._config))
        return VersionFound(made.ref)

    def _measure(self, start: _Start, version: str, split: DataSplit, judges: Judges) -> proof.ProofFound:
        asked = proof.fitting(split.gate, start.current, self._config.gate_conversations)
        both = proof.Both(self._writer, start.rival, resolve(version, self._settings))
        compared = proof.compare(asked, *both.write(asked, self._served), judges.judge)
        more: dict[str, Any] = {
            "generation": msgspec.to_builtins(self._served),
            "forgetting": proof.forgetting(both),
        }
        if (head := judges.toxicity) and split.provoking:
            for name, decoding in (("toxicity", "greedy"), ("toxicity_sampled", "sample")):
                drawn = msgspec.structs.replace(GenerationSettings(seed=self._config.seed), decoding=decoding)
                more[name] = proof.toxicity(split.provoking, *both.write(split.provoking, drawn), head.score)
        return msgspec.structs.replace(compared, **more)

    def _gate(self, start: _Start, found: _Found, measured: proof.ProofFound, kl: float) -> GateFound:
        made = checks(
            proof.measured(measured, found.judge, kl),
            self._config.gate,
            self._config.max_kl,
            found.pairs["n"],
            read_trial(Path(resolve(found.version or "", self._settings).folder)),
            "trial" in self._config.skip,
        )
        return GateFound(
            passed=not failing(made),
            against=start.rival.ref,
            checks=made,
            conversations=measured.conversations,
            judge=measured.judge,
            words=measured.words,
            wins=measured.wins,
            samples=measured.samples,
        )

    def _promote(self, start: _Start, found: _Found, version: str) -> dict[str, Any]:
        passed = found.gate is None or found.gate.passed
        found.promoted = passed and "promotion" not in self._config.skip and self._may_replace(version)
        self._write_down(start, found.result(), version)
        if found.gate is not None and not passed:
            raise GateNotPassed(advise(found.gate.checks, version), found.result())
        if found.promoted:
            promote(version, self._settings, why=f"{self._run.name} passed the gate against {start.rival.ref}")
        self._run.log(self._done + 1, stage="promotion", state="done", promoted=int(found.promoted))
        self._run.finish(version)
        return found.result()

    def _may_replace(self, version: str) -> bool:
        """Return whether promotion is allowed: not if the user chose another model during the run."""
        answers = promoted_ref()
        begun = json.loads((self._run.folder / "stages" / "start.json").read_bytes())
        if answers in {begun.get("promoted", answers), version}:
            return True
        self._job.say(
            f"{version} passed, but you chose {answers or 'another model'} during the run, so that stays: "
            f"`assistant models use {version}` switches to the new one"
        )
        return False

    def _write_down(self, start: _Start, found: dict[str, Any], version: str) -> None:
        """Write promotion.json beside the version's weights, and the run's report."""
        folder = Path(resolve(version, self._settings).folder)
        document = {
            **found,
            "against": start.rival.ref,
            "data_hash": self._data_hash(),
            "seed": self._config.seed,
            "versions": self._run.manifest.versions,
            "config": msgspec.to_builtins(self._config),
            "skipped": list(self._config.skip),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        write_promotion(folder, document)
        self._keep(document)
        write_page(self._run.folder / "report.html", document, "curves.png")

    def _keep(self, found: dict[str, Any]) -> None:
        """Write result.json, which the app reads."""
        write_atomically(self._run.folder / "result.json", json.dumps(found, ensure_ascii=False).encode())

    def _data_hash(self) -> str:
        from training.runs.data.datasets import content_hash

        return content_hash([self._run.folder / "rated.json"])


def _read_found(place: Path, kind: type[Result]) -> Result:
    """Read a stage's result, which an earlier version of Parley may have written."""
    try:
        return msgspec.convert(json.loads(place.read_bytes()), kind)
    except ValueError as error:
        raise UsageError(f"{place} cannot be read ({error}): start a new run") from error
