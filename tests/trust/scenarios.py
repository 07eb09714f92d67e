"""The scenarios of faults, each with its share of the total."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.trust import world
from tests.trust.bench import Bench, Fault
from tests.trust.commands import TRAINER
from tests.trust.damages import damaged, future
from tests.trust.kills import (
    kill_backup,
    kill_batch,
    kill_import,
    kill_indexing,
    kill_pointer,
    kill_rating,
    kill_restore,
    kill_training,
    kill_worker,
)
from tests.trust.refusals import (
    clock,
    during_restore,
    failing_calls,
    full_disk,
    read_only_disk,
    short_files,
    two_instances,
)


@dataclass(frozen=True)
class Scenario:
    """A fault to inject, and its frequency relative to the others."""

    run: Callable[[Bench], Fault]
    weight: int


_RUN_FILES = ("state/runs/*/*.json*", "state/runs/*/checkpoint/*")


_RESUME = (TRAINER, "ppo", "--resume", "--json")


SCENARIOS: dict[str, Scenario] = {
    "killed: rate": Scenario(kill_rating, 60),
    "killed: feedback import": Scenario(kill_import, 30),
    "killed: backup": Scenario(kill_backup, 40),
    "killed: restore": Scenario(kill_restore, 60),
    "killed: promotion": Scenario(kill_pointer, 40),
    "killed: indexing": Scenario(kill_indexing, 10),
    "killed: batch": Scenario(kill_batch, 10),
    "killed: worker, out of memory": Scenario(kill_worker, 20),
    "killed: training": Scenario(kill_training, 4),
    "half-written: store": Scenario(damaged("store", "data/store.db", then=("feedback", "stats", "--json")), 50),
    "half-written: catalog": Scenario(
        damaged("catalog", "data/knowledge/catalog.db", then=("knowledge", "list", "--json")), 30
    ),
    "half-written: index": Scenario(
        damaged("index", "data/knowledge/index.faiss", then=("knowledge", "search", world.QUESTION, "--json")), 12
    ),
    "half-written: version": Scenario(
        damaged(
            "version", "data/models/v2/*", "data/models/v2/adapter/*", "data/models/v2/ctranslate/*",
            then=("models", "use", "v2"),
        ),
        40,
    ),
    "half-written: pointer": Scenario(
        damaged("pointer", "data/models/current.json", then=("models", "use", "v1")), 20
    ),
    "half-written: settings": Scenario(
        damaged("settings", "config/config.toml", then=("config", "show", "--origin")), 20
    ),
    "half-written: run": Scenario(damaged("run", *_RUN_FILES, then=_RESUME), 12),
    "from the future": Scenario(future, 24),
    "failing system calls": Scenario(failing_calls, 90),
    "file size limit": Scenario(short_files, 30),
    "full disk": Scenario(full_disk, 40),
    "read-only disk": Scenario(read_only_disk, 24),
    "clock jumps": Scenario(clock, 20),
    "two instances": Scenario(two_instances, 24),
    "commands during a restore": Scenario(during_restore, 24),
}  # fmt: skip
