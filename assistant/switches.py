"""The environment variables that Parley sets for its libraries, and why. Nothing else sets or reads one."""

import os
from collections.abc import Mapping
from pathlib import Path

SILENT: Mapping[str, str] = {
    # No library reports usage: the Hub's client, trl and transformers read the first, some tools the second.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Set in every process."""

OFFLINE: Mapping[str, str] = {
    **SILENT,
    # Nothing is downloaded unasked: files are on disk, or the user is told.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    # Standard error is the user's screen or the log.
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # The tokenizers' threads are not safe with a fork.
    "TOKENIZERS_PARALLELISM": "false",
}
"""Set in every process that touches a model: the worker, the converter, `assistant-train`."""

HUB: Mapping[str, str] = {
    **SILENT,
    # Plain HTTPS ranges are resumable, and need only one host in a firewall.
    "HF_HUB_DISABLE_XET": "1",
    # Hides warnings about a resumed connection; failures are reported by Parley.
    "HF_HUB_VERBOSITY": "error",
}
"""Set by `assistant models pull` and `push`."""

FETCHING: Mapping[str, str] = {
    **HUB,
    "HF_HUB_OFFLINE": "0",
    "TRANSFORMERS_OFFLINE": "0",
    "HF_DATASETS_OFFLINE": "0",
}
"""Overrides OFFLINE in `assistant-train` with `--download`, before the libraries that read them are imported. Only
these three go online.
"""

_TRACKING: Mapping[str, Mapping[str, str]] = {
    "wandb": {"WANDB_MODE": "offline", "WANDB_DIR": "{folder}", "WANDB_ERROR_REPORTING": "false"},
    "trackio": {"TRACKIO_DIR": "{folder}"},
    # Its telemetry ignores DO_NOT_TRACK=1, and its database would be in the current folder.
    "mlflow": {"MLFLOW_TRACKING_URI": "sqlite:///{folder}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"},
}
"""The variables set with `--track`, by tracker, unless the user sets them."""

NO_NETWORK = "HF_HUB_OFFLINE"
"""The variable by which a user forbids the network."""


def forbids_network() -> bool:
    """Whether NO_NETWORK is set to a value that its library takes as true."""
    return os.environ.get(NO_NETWORK, "").upper() in {"1", "ON", "YES", "TRUE"}


def tracking(tracker: str, folder: Path) -> dict[str, str]:
    """Return the variables for a tracker of training metrics: it writes only to the folder, unless the user's
    environment says otherwise. Set them before its package is imported.
    """
    here = {name: value.format(folder=folder) for name, value in _TRACKING.get(tracker, {}).items()}
    return {name: os.environ.get(name, value) for name, value in here.items()}
