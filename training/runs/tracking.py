"""Passes a run's figures on to a tracker, through Accelerate's trackers.

Only numbers and options are passed on: a logged row with text describes an event and is skipped. Each tracker keeps the
figures in a folder beside the runs, unless the user's environment names another place or a server.
"""

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from assistant.errors import DataMissing, UsageError
from assistant.locations import ensure_dir, runs_dir
from assistant.switches import tracking
from assistant.terminal import one_line
from training.runs.run import Run

Tracker = Literal["tensorboard", "wandb", "trackio", "mlflow"]
_MODULES = {"tensorboard": ("tensorboard", "tensorboardX")}
"""Alternative packages for a tracker."""
_PROJECT = "parley"


def require_tracker(name: str) -> None:
    """Raise UsageError for an unknown tracker, and DataMissing if its package is not installed."""
    if name not in get_args(Tracker):
        raise UsageError(f"track: no tracker {name!r}; there are {', '.join(get_args(Tracker))}")
    if not any(find_spec(module) for module in _MODULES.get(name, (name,))):
        raise DataMissing(f"--track {name} needs the package {name}: pip install {name}")


def place_of(name: str) -> dict[str, str]:
    """Return where a tracker would keep figures: its folder, and its environment variables."""
    return {"tracker": name, "folder": str(_folder(name)), **tracking(name, _folder(name))}


def _folder(name: str) -> Path:
    """Return the tracker's folder for the figures of all runs."""
    return runs_dir() / "tracked" / name


@contextmanager
def following(run: Run, name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Within this context, pass what the run logs on to the tracker `name`, if it is not ""."""
    if not name:
        yield
        return
    before, follower = run.on_log, _Follower(run, name, say)
    run.on_log = follower
    try:
        yield
    finally:
        run.on_log = before
        follower.close()


class _Follower:
    """The tracker of a run, opened at the first figure. If it fails, the user is told and it gets no more figures, but
    the run goes on, with its figures in metrics.jsonl.
    """

    def __init__(self, run: Run, name: str, say: Callable[[str], None]) -> None:
        self._run, self._name, self._say = run, name, say
        self._tracker: Any = None
        self._step = 0
        self._failed = False

    def __call__(self, step: int, metrics: Mapping[str, Any]) -> None:
        if not any(isinstance(value, str) for value in metrics.values()):
            self._attempt(lambda: self._log(step, metrics))

    def close(self) -> None:
        """End the tracker's run."""
        if self._tracker is not None:
            self._attempt(self._tracker.finish)

    def _log(self, step: int, metrics: Mapping[str, float]) -> None:
        # Some trackers reject figures that are not finite, and steps before the last one.
        figures = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        self._step = max(self._step, step)
        if self._tracker is None:
            self._tracker = _open(self._run, self._name, self._step)
        self._tracker.log(figures, step=self._step)

    def _attempt(self, do: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            # Keep standard output free for the result.
            with redirect_stdout(io.StringIO()):
                do()
        # An error in the tracker or on its server must not stop the run.
        except Exception as error:  # noqa: BLE001
            self._failed = True
            reason = one_line(str(error))[:200] or type(error).__name__
            self._say(f"{self._name} failed and gets no more figures ({reason}); metrics.jsonl has them all")


def _open(run: Run, name: str, step: int) -> Any:
    """Open the tracker's run of the same name, or continue it, and store the options."""
    from accelerate import PartialState

    PartialState()  # Accelerate's trackers use its logger, which needs this.
    place = ensure_dir(_folder(name))
    os.environ.update(tracking(name, place))
    # TensorBoard would list the options of a resumed run as another run.
    known = (place / run.name).exists()
    tracker = _MAKERS[name](run, place, step)
    tracker.start()
    if not known:
        tracker.store_init_configuration(options(run))
    return tracker


def options(run: Run) -> dict[str, str | int | float | bool]:
    """Return the run's configuration as a flat dict, without unset options and with lists joined."""
    found: dict[str, str | int | float | bool] = {"stage": run.manifest.stage}
    waiting = [*run.manifest.config.items()]
    while waiting:
        name, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list | tuple):
            found[name] = ", ".join(map(str, value))
        elif value is not None:
            found[name] = value
    return found


def _tensorboard(run: Run, place: Path, step: int) -> Any:
    from accelerate.tracking import TensorBoardTracker

    # tensorboardX names files by the second; without a suffix, a run resumed in the same second would overwrite one.
    return TensorBoardTracker(run.name, place, purge_step=step, filename_suffix=f".{step}")


def _wandb(run: Run, place: Path, step: int) -> Any:
    import wandb
    from accelerate.tracking import WandBTracker

    # Do not upload the terminal, which shows samples of conversations, or the command line, which names files.
    settings = wandb.Settings(
        console="off", silent=True, x_disable_meta=True, disable_git=True, save_code=False, x_save_requirements=False
    )
    return WandBTracker(_PROJECT, id=run.name, name=run.name, resume="allow", settings=settings)


def _trackio(run: Run, place: Path, step: int) -> Any:
    import trackio
    from accelerate.tracking import TrackioTracker

    tracker: Any = TrackioTracker(_PROJECT, name=run.name, resume="allow", embed=False)
    # Accelerate finishes only its run; at exit, trackio would finish again and print to standard output.
    tracker.finish = trackio.finish
    return tracker


def _mlflow(run: Run, place: Path, step: int) -> Any:
    import mlflow
    from accelerate.tracking import MLflowTracker

    query = f"attributes.run_name = '{run.name}'"
    found = mlflow.search_runs(search_all_experiments=True, filter_string=query, output_format="list")
    return MLflowTracker(_PROJECT, run_id=found[0].info.run_id if found else None, run_name=run.name)


_MAKERS: dict[str, Callable[[Run, Path, int], Any]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "trackio": _trackio,
    "mlflow": _mlflow,
}
