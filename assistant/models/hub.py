"""What a download from the Hub and an upload to it have in common: how the library is set up, and how what goes wrong
becomes one line that says what to do.
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
    """The Hub's address where the user names another than the usual."""
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def reporting(hub_id: str, verb: Verb, folder: Path) -> Iterator[None]:
    """What goes wrong with the Hub inside, or with the disk that holds `folder`, leaves as one line.

    Raises UsageError for an id that is none, ModelMissing where the Hub has no such model, refuses or cannot be
    reached, and AssistantError where the disk takes no more.
    """
    # Read when the library is imported.
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
        # What the transport raises is no one family; a disk that takes no more is known by its number.
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
