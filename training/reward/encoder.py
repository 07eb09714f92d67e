"""Tunes an encoder on preference pairs with trl.RewardTrainer and LoRA, on top of the counted head.

The encoder learns the residual of the head: the loss is -log sigmoid(difference - margin), where RewardTrainer's margin
is the wanted margin minus the head's (Bradley-Terry boosting). The encoder's score starts at 0, and the reward is the
sum of both scores. Pairs are tokenized here, in the layout of serving, because TRL drops pairs that are too long.

This module creates order, adapter, optimizer and schedule itself, so that checkpoints need no pickle and a resumed run
ends like an uninterrupted one.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from peft import LoraConfig, TaskType, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)
from transformers.utils import logging
from trl.trainer.reward_config import RewardConfig as TrlConfig
from trl.trainer.reward_trainer import RewardTrainer

from assistant.errors import ModelMissing, TrainingStopped
from assistant.scoring.encoder import Packer, check_convertible, minilm_folder
from training.reward.config import RewardConfig
from training.reward.preferences import Pair
from training.runs.run import Run, StopRequested

Rows = NDArray[np.float64]
_ATTENTION = r".*\.(query|key|value|q_lin|k_lin|v_lin)"
_ROBERTA = ("classifier.dense", "classifier.out_proj", ("classifier",), True)
_HEADS = {
    "bert": ("bert.pooler.dense", "classifier", ("pooler", "classifier"), True),
    "distilbert": ("pre_classifier", "classifier", ("pre_classifier", "classifier"), False),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}
"""Model type -> dense layer of the head, output layer, modules that are trained fully, and whether the activation
between the layers is tanh (else ReLU)."""


class TunedEncoder:
    """An encoder with a LoRA adapter, to be tuned as a reward."""

    def __init__(self, config: RewardConfig) -> None:
        self.config = config
        source = _source(config.base)
        self.kind = check_convertible(source)
        self._source = source
        torch.manual_seed(config.seed)
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # transformers warns about the fresh output layer, which is intended.
        try:
            model: Any = AutoModelForSequenceClassification.from_pretrained(
                source, num_labels=1, ignore_mismatched_sizes=True, local_files_only=True
            )
        finally:
            logging.set_verbosity(verbosity)
        for module in model.modules():
            # Without dropout, a resumed run ends like an uninterrupted one. With so few passes, it is not needed.
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        _, out, whole, _ = _HEADS[self.kind]
        torch.nn.init.zeros_(model.get_submodule(out).weight)
        torch.nn.init.zeros_(model.get_submodule(out).bias)
        shape = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=config.lora_rank,
            lora_alpha=config.lora_alpha,
            lora_dropout=0.0,
            target_modules=_ATTENTION,
            modules_to_save=list(whole),
        )
        with _without_notices():
            self.model: Any = get_peft_model(model, shape)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(source, local_files_only=True)
        window = min(config.window, int(getattr(model.config, "max_position_embeddings", config.window)) - 2)
        self.window = window
        self._packer = Packer(source / "tokenizer.json", window)

    @property
    def cut(self) -> int:
        """Number of texts truncated so far."""
        return self._packer.cut

    def train(
        self, pairs: Sequence[Pair], head_margins: Rows, run: Run, stop: StopRequested, report: Callable[..., None]
    ) -> dict[str, float]:
        """Tune on the pairs, from the run's checkpoint if there is one. Return the last step's figures.

        `head_margins` (pairs,) are the counted head's margins, from cross-validation. Ends early if `stop` is
        requested, which the caller must check.
        """
        order = np.concatenate(
            [
                np.random.default_rng([self.config.seed, epoch]).permutation(len(pairs))
                for epoch in range(self.config.epochs)
            ]
        )
        steps = -(-len(order) // self.config.batch_size)
        steps = min(steps, self.config.max_steps) if self.config.max_steps else steps
        optimizer = torch.optim.AdamW(
            [value for value in self.model.parameters() if value.requires_grad], lr=self.config.learning_rate
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / 10, (steps - step) / steps)
        )
        done = self._restore(run, optimizer, schedule)
        if done >= steps:
            return {}
        rows = self._rows(pairs, head_margins)
        left = order[done * self.config.batch_size : steps * self.config.batch_size]
        saver = _Saver(self.model, optimizer, schedule, run, stop, report, done, steps, self.config.save_every)
        with _without_notices():
            trainer = RewardTrainer(
                model=self.model,
                args=self._arguments(run, steps - done),
                train_dataset=Dataset.from_list([rows[place] for place in left]),
                processing_class=self.tokenizer,
                optimizers=(optimizer, schedule),
                callbacks=[saver],
            )
            trainer.remove_callback(_printer())
            trainer.train()
        return saver.figures

    def score(self, pairs: Sequence[tuple[str, str]]) -> Rows:
        """Return the encoder's score of each (conversation, answer), without the counted head's; (n,)."""
        self.model.eval()
        ids = [self._packer.pack(*pair) for pair in pairs]
        scores = np.zeros(len(ids))
        by_length = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        with torch.no_grad():
            for first in range(0, len(by_length), 16):
                places = by_length[first : first + 16]
                batch = self.tokenizer.pad({"input_ids": [ids[place] for place in places]}, return_tensors="pt")
                logits = self.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
                scores[places] = logits.squeeze(-1).double().numpy()
        return scores

    def export(self, folder: Path, scale: float) -> dict[str, NDArray[Any]]:
        """Merge the adapter, write the model to the folder, and return the head's tensors for `write_reward`."""
        with _without_notices():
            merged = self.model.merge_and_unload()
            merged.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        dense, out, _, is_tanh = _HEADS[self.kind]
        tensors: dict[str, NDArray[Any]] = {}
        for name, place in (("dense", dense), ("out", out)):
            layer = merged.get_submodule(place)
            tensors[f"encoder.{name}.weight"] = layer.weight.detach().numpy().copy()
            tensors[f"encoder.{name}.bias"] = layer.bias.detach().numpy().copy()
        return tensors | {"encoder.tanh": np.array([float(is_tanh)]), "encoder.scale": np.array([scale])}

    def _rows(self, pairs: Sequence[Pair], head_margins: Rows) -> list[dict[str, Any]]:
        wanted = [self.config.margin * min(1.0, pair.weight) for pair in pairs]
        return [
            {
                "chosen_ids": self._packer.pack(pair.conversation, pair.chosen),
                "rejected_ids": self._packer.pack(pair.conversation, pair.rejected),
                "margin": float(want - has),
            }
            for pair, want, has in zip(pairs, wanted, head_margins, strict=True)
        ]

    def _arguments(self, run: Run, steps: int) -> TrlConfig:
        return TrlConfig(
            output_dir=str(run.folder / "trainer"),
            per_device_train_batch_size=self.config.batch_size,
            max_steps=steps,
            train_sampling_strategy="sequential",
            max_length=None,  # A maximum would drop pairs; they are already truncated.
            disable_dropout=False,
            gradient_checkpointing=False,
            bf16=False,
            save_strategy="no",
            logging_steps=1,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
            seed=self.config.seed,
        )

    def _restore(self, run: Run, optimizer: Any, schedule: Any) -> int:
        saved = run.load()
        if saved is None:
            return 0
        step, tree = saved
        set_peft_model_state_dict(self.model, tree["adapter"])
        optimizer.load_state_dict(tree["optimizer"])
        schedule.load_state_dict(tree["schedule"])
        return step


class _Saver(TrainerCallback):
    """Saves, reports and stops between training steps."""

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        schedule: Any,
        run: Run,
        stop: StopRequested,
        report: Callable[..., None],
        done: int,
        steps: int,
        every: int,
    ) -> None:
        self._parts = (model, optimizer, schedule)
        self._run, self._stop, self._report = run, stop, report
        self._done, self._steps, self._every = done, steps, every
        self.figures: dict[str, float] = {}

    def on_log(self, args: Any, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any) -> None:
        """Log the figures of a step. Raises TrainingStopped if the loss is not finite."""
        figures = {name: float(logs[name]) for name in ("loss", "accuracy") if name in logs}
        if "loss" not in figures:
            return
        if not np.isfinite(figures["loss"]):
            raise TrainingStopped("the loss of the reward's encoder is not finite: lower --learning-rate")
        step = self._done + state.global_step
        self.figures = figures
        self._run.log(step, **figures)
        self._report({"step": step, "fraction": step / self._steps, **figures})

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> TrainerControl:
        """Save every `every` steps, at the end, and when the user asks to stop."""
        step = self._done + state.global_step
        if step % self._every == 0 or step == self._steps or self._stop.requested:
            self._save(step)
        if self._stop.requested:
            control.should_training_stop = True
        return control

    def _save(self, step: int) -> None:
        model, optimizer, schedule = self._parts
        plain = {name: value for name, value in schedule.state_dict().items() if name != "lr_lambdas"}
        tree = {"adapter": get_peft_model_state_dict(model), "optimizer": optimizer.state_dict()}
        self._run.save(step, {**tree, "schedule": {**plain, "lr_lambdas": [None]}})


@contextmanager
def _without_notices() -> Iterator[None]:
    """Suppress warnings about names that transformers deprecates and trl and peft still use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _printer() -> Any:
    from transformers import PrinterCallback

    return PrinterCallback


def _source(base: str) -> Path:
    if base == "minilm":
        return minilm_folder()
    folder = Path(base).expanduser()
    if folder.is_dir():
        return folder
    if re.fullmatch(r"[\w.-]+/[\w.-]+", base):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return Path(snapshot_download(base, local_files_only=True))
        except (LocalEntryNotFoundError, OSError):
            pass
    raise ModelMissing(f"no encoder {base!r} on this machine: name a folder, or pull it: assistant models pull {base}")
