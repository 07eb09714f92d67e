"""The job of a stage: configuration, files, model, and callbacks for reports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from assistant.errors import AssistantError, DataMissing, Interrupted, UsageError
from training.runs.data.datasets import names_a_data_set
from training.runs.run import Run, StopRequested
from training.runs.tracking import following

Config = TypeVar("Config", bound=msgspec.Struct)
Report = Callable[[Mapping[str, float]], None]
"""Receives the figures of a step: `step`, `fraction` (0 to 1), `seconds`, and what the stage measures."""
ShowTable = Callable[[str, Sequence[Sequence[str]]], None]
"""Receives a title and rows of text, column names first."""
Say = Callable[[str], None]
"""Receives a line of text that stays in view."""


@dataclass(frozen=True)
class Job(Generic[Config]):
    """A call of a stage.

    `resume` is None for a new run, "newest", or the name of a run to resume. `operands` are the positional arguments.
    `also` are files named in the configuration, which count as data. `track` names the tracker that gets the run's
    figures, if any.
    """

    stage: str
    config: Config
    data: tuple[Path, ...] = ()
    dev: Path | None = None
    model: str = ""
    out: Path | None = None
    resume: str | None = None
    track: str = ""
    operands: tuple[str, ...] = ()
    also: tuple[Path, ...] = ()
    stop: StopRequested = field(default_factory=StopRequested)
    report: Report = lambda figures: None
    table: ShowTable = lambda title, rows: None
    say: Say = lambda line: None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the job reads, in the order of the run's data hash."""
        return self.data + ((self.dev,) if self.dev else ()) + self.also

    def require_files(self) -> None:
        """Raise DataMissing if a data file is missing, before libraries are imported to read it. Hub ids are checked
        when they are read.
        """
        for path in (*self.data, *((self.dev,) if self.dev else ())):
            if not path.exists() and not names_a_data_set(path):
                raise DataMissing(f"no data file at {path}")

    @contextmanager
    def open_run(self) -> Iterator[Run]:
        """Start or resume the job's run. An error is recorded in the run. The lock is released at the end."""
        if self.resume is None:
            seed = getattr(self.config, "seed", 0)
            run = Run.start(self.stage, self.config, self.files, seed, inputs=self.inputs())
        else:
            run = Run.resume(self.stage, None if self.resume == "newest" else self.resume, self.config, self.files)
        try:
            with self.following(run):
                yield run
        except Interrupted:
            raise
        except (AssistantError, OSError, RuntimeError) as error:
            run.fail(f"{type(error).__name__}: {error}")
            raise
        finally:
            run.close()

    def following(self, run: Run) -> AbstractContextManager[None]:
        """Pass the figures of this run, or of a nested run, on to the job's tracker."""
        return following(run, self.track, self.say)

    def inputs(self) -> dict[str, Any]:
        """Return the inputs for the manifest, so that `--resume` needs no other flags."""
        return {
            "data": [str(path.resolve()) for path in self.data],
            "dev": str(self.dev.resolve()) if self.dev else None,
            "model": self.model,
            "out": str(self.out.resolve()) if self.out else None,
            "track": self.track,
        }

    def check_stop(self, run: Run) -> None:
        """Raise Interrupted if the user asked to stop. The stage must have saved its state before."""
        if self.stop.requested:
            raise Interrupted(f"stopped and saved; continue with: assistant-train {self.stage} --resume {run.name}")

    def refuse_resume(self) -> None:
        """Raise UsageError if the user asked to resume. For stages that save no state."""
        if self.resume is not None:
            raise UsageError(f"{self.stage} keeps no state to resume: start it again")
