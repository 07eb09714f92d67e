"""Every environment switch that Parley sets for the libraries it uses, and why. Nothing else sets or reads one."""

import os
from collections.abc import Mapping

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

NO_NETWORK = "HF_HUB_OFFLINE"
"""What a user sets to forbid the network."""


def forbids_network() -> bool:
    """Whether NO_NETWORK is set to a value that its library takes for yes."""
    return os.environ.get(NO_NETWORK, "").upper() in {"1", "ON", "YES", "TRUE"}
