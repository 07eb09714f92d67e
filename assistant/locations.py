"""All paths that Parley uses. Nothing is created at import; `ensure_dir` creates folders on first write, private to the
user.
"""

import os
from pathlib import Path

import platformdirs

_NAME = "parley"


def home() -> Path | None:
    """Return the folder named by `ASSISTANT_HOME`, which then holds everything, or None."""
    value = os.environ.get("ASSISTANT_HOME")
    return Path(value).expanduser() if value else None


def config_dir() -> Path:
    """Return the folder of the user's settings, templates and shots."""
    return _place("config", platformdirs.user_config_path(_NAME))


def data_dir() -> Path:
    """Return the folder of data that cannot be recreated: the store, models, the knowledge base."""
    return _place("data", platformdirs.user_data_path(_NAME))


def state_dir() -> Path:
    """Return the folder of logs, training runs and other state."""
    return _place("state", platformdirs.user_state_path(_NAME))


def cache_dir() -> Path:
    """Return the folder of data that can be recreated: conversions."""
    return _place("cache", platformdirs.user_cache_path(_NAME))


def settings_file() -> Path:
    """Return the file with the user's settings."""
    return config_dir() / "config.toml"


def project_settings_file() -> Path:
    """Return the file with the settings of the current folder."""
    return Path.cwd() / "assistant.toml"


def store_file() -> Path:
    """Return the database of completions, chats and ratings."""
    return data_dir() / "store.db"


def knowledge_dir() -> Path:
    """Return the folder with the catalog and the index of the user's documents."""
    return data_dir() / "knowledge"


def models_dir() -> Path:
    """Return the folder of pulled and tuned models."""
    return data_dir() / "models"


def rewards_dir() -> Path:
    """Return the folder of trained reward models, one subfolder each: r1, r2, …"""
    return data_dir() / "rewards"


def conversions_dir() -> Path:
    """Return the folder of CTranslate2 conversions, one for each content hash."""
    return cache_dir() / "conversions"


def restoring_file() -> Path:
    """Return the file that exists while a backup is being restored; after a crash the next command
    continues from it.
    """
    return data_dir() / "restoring.json"


def runs_dir() -> Path:
    """Return the folder of training runs."""
    return state_dir() / "runs"


def log_file() -> Path:
    """Return the log of the app and its worker."""
    return state_dir() / "logs" / "assistant.log"


def all_places() -> dict[str, Path]:
    """Return name and path of everything that Parley may write, for `assistant paths`."""
    return {
        "config": config_dir(),
        "settings": settings_file(),
        "data": data_dir(),
        "store": store_file(),
        "knowledge": knowledge_dir(),
        "models": models_dir(),
        "rewards": rewards_dir(),
        "state": state_dir(),
        "runs": runs_dir(),
        "log": log_file(),
        "cache": cache_dir(),
        "conversions": conversions_dir(),
    }


def ensure_dir(path: Path) -> Path:
    """Create the folder and its missing parents with mode 0700, and return it."""
    missing = [path, *path.parents]
    for folder in reversed([p for p in missing if not p.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path


def _place(name: str, default: Path) -> Path:
    root = home()
    return root / name if root else default
