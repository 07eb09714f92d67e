"""Every environment switch that Parley sets for the libraries it uses, and why. Nothing else sets or reads one."""

import os
from collections.abc import Mapping
from pathlib import Path

SILENT: Mapping[str, str] = {
    # No library reports its use: the Hub's client, trl and transformers read the first, some tools the second.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Set in every process, always."""

OFFLINE: Mapping[str, str] = {
    **SILENT,
    # What a model or a data set needs is on disk, or the user is told: nothing is fetched unasked.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    # Standard error is the user's screen or the log.
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # The tokenizers' own threads and a fork do not go together.
    "TOKENIZERS_PARALLELISM": "false",
}
"""Set in every process that touches a model: the worker, the converter, `assistant-train`."""

HUB: Mapping[str, str] = {
    **SILENT,
    # Plain HTTPS ranges: resumable, and one host to allow in a firewall.
    "HF_HUB_DISABLE_XET": "1",
    # Its warning about a line that broke and was taken up again; where it was not, our one line says so.
    "HF_HUB_VERBOSITY": "error",
}
"""Set by `assistant models pull` and `push`."""

FETCHING: Mapping[str, str] = {
    **HUB,
    "HF_HUB_OFFLINE": "0",
    "TRANSFORMERS_OFFLINE": "0",
    "HF_DATASETS_OFFLINE": "0",
}
"""Set over OFFLINE by `assistant-train` with `--download`, before the libraries that read them are imported. Only these
three go online.
"""

_TRACKING: Mapping[str, Mapping[str, str]] = {
    "wandb": {"WANDB_MODE": "offline", "WANDB_DIR": "{folder}", "WANDB_ERROR_REPORTING": "false"},
    "trackio": {"TRACKIO_DIR": "{folder}"},
    # Its telemetry does not know DO_NOT_TRACK=1; its database would lie in the folder where the command was given.
    "mlflow": {"MLFLOW_TRACKING_URI": "sqlite:///{folder}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"},
}
"""Tracker -> what is set with `--track` where the user has not set it."""

NO_NETWORK = "HF_HUB_OFFLINE"
"""What a user sets to forbid the network."""


def forbids_network() -> bool:
    """Whether NO_NETWORK is set to a value that its library takes for yes."""
    return os.environ.get(NO_NETWORK, "").upper() in {"1", "ON", "YES", "TRUE"}


def tracking(tracker: str, folder: Path) -> dict[str, str]:
    """What a tracker of training figures goes by: it writes to the folder alone, except where the user's environment
    says otherwise. To be set before its package is imported.
    """
    here = {name: value.format(folder=folder) for name, value in _TRACKING.get(tracker, {}).items()}
    return {name: os.environ.get(name, value) for name, value in here.items()}
