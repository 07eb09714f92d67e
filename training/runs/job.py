"""What a stage is asked to do: configuration, files, model, and how it reports."""

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
"""Gets the figures of a step: `step`, `fraction` (0 to 1), `seconds`, and whatever the stage measures."""
ShowTable = Callable[[str, Sequence[Sequence[str]]], None]
"""Gets a title and rows of text, the column names first."""
Say = Callable[[str], None]
"""Gets a line of text that stays in view."""


@dataclass(frozen=True)
class Job(Generic[Config]):
    """One call of one stage.

    `resume` is None for a fresh start, "newest" or the name of a run to go on with. `operands` are the words that
    stand behind the stage's name. `also` are files that the configuration names, which count as data. `track` names the
    tracker that gets the run's figures, if any.
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
        """Every file that is read, in the order in which the run's data hash takes them."""
        return self.data + ((self.dev,) if self.dev else ()) + self.also

    def require_files(self) -> None:
        """Raise DataMissing where a file that was named is not there: before anything is imported to read it. Whoever
        takes ids of the Hub too says so where there is none.
        """
        for path in (*self.data, *((self.dev,) if self.dev else ())):
            if not path.exists() and not names_a_data_set(path):
                raise DataMissing(f"no data file at {path}")

    @contextmanager
    def open_run(self) -> Iterator[Run]:
        """The run of this job, started or resumed; what goes wrong is noted in it, and the lock is released."""
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
        """Pass the figures of this run, or of one inside it, on to the job's tracker."""
        return following(run, self.track, self.say)

    def inputs(self) -> dict[str, Any]:
        """What the manifest keeps, so that `--resume` needs nothing said again."""
        return {
            "data": [str(path.resolve()) for path in self.data],
            "dev": str(self.dev.resolve()) if self.dev else None,
            "model": self.model,
            "out": str(self.out.resolve()) if self.out else None,
            "track": self.track,
        }

    def check_stop(self, run: Run) -> None:
        """Raise Interrupted where the user asked to stop; the stage has saved before."""
        if self.stop.requested:
            raise Interrupted(f"stopped and saved; continue with: assistant-train {self.stage} --resume {run.name}")

    def refuse_resume(self) -> None:
        """For stages that keep no state between steps."""
        if self.resume is not None:
            raise UsageError(f"{self.stage} keeps no state to resume: start it again")
