"""Shared code of downloads from and uploads to the Hub: sets up the library, and turns errors into one line that says
what to do.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError, ModelMissing, UsageError
from assistant.models.downloads import refuse_offline
from assistant.switches import HUB

Verb = Literal["pull", "push"]
_ON_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})


def endpoint() -> str | None:
    """Return the Hub's address if the user sets one, else None."""
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def reporting(hub_id: str, verb: Verb, folder: Path) -> Iterator[None]:
    """Turn errors of the Hub, or of the disk that holds `folder`, into one line.

    Raises UsageError for an invalid id, ModelMissing if the Hub has no such model, refuses or cannot be reached, and
    AssistantError if the disk is full or not writable.
    """
    # The library reads these when imported.
    os.environ.update(HUB)
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        validate_repo_id(hub_id)
        refuse_offline(verb)
        yield
    except HFValidationError:
        raise UsageError(f"{hub_id!r} is not a Hub id; one looks like google/flan-t5-base") from None
    except RepositoryNotFoundError as error:
        raise ModelMissing(
            f"the Hub has no model {hub_id!r} that you may see; check the spelling, or log in with `hf auth login`"
        ) from error
    except HfHubHTTPError as error:
        raise ModelMissing(f"the Hub refused {hub_id} ({_reason(error)}); {verb} again later to continue") from error
    except AssistantError:
        raise
    except Exception as error:
        # Errors of the transport have no common base class; errors of the disk are recognized by number.
        if isinstance(error, OSError) and error.errno in _ON_DISK:
            raise AssistantError(
                f"cannot write to {folder} ({error.strerror}): check space and permissions, then {verb} "
                "again to continue"
            ) from error
        instead = ", or name a folder with the model" if verb == "pull" else ""
        raise ModelMissing(
            f"cannot reach the Hub ({_reason(error)}): check the connection and {verb} again to continue{instead}"
        ) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__
