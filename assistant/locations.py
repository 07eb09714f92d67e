"""The only place that computes a path. Nothing is created at import; `ensure_*` create on first write, private to the
user.
"""

import os
from pathlib import Path

import platformdirs

_NAME = "parley"


def home() -> Path | None:
    """The one folder that holds everything, where `ASSISTANT_HOME` names one."""
    value = os.environ.get("ASSISTANT_HOME")
    return Path(value).expanduser() if value else None


def config_dir() -> Path:
    """Settings, templates and shots that the user wrote."""
    return _place("config", platformdirs.user_config_path(_NAME))


def data_dir() -> Path:
    """What cannot be made again: the store, models, the knowledge base."""
    return _place("data", platformdirs.user_data_path(_NAME))


def state_dir() -> Path:
    """Logs, run folders and what a crash left half typed."""
    return _place("state", platformdirs.user_state_path(_NAME))


def cache_dir() -> Path:
    """What can be made again: conversions."""
    return _place("cache", platformdirs.user_cache_path(_NAME))


def settings_file() -> Path:
    """The user's settings."""
    return config_dir() / "config.toml"


def project_settings_file() -> Path:
    """Settings of the folder that the command was started in."""
    return Path.cwd() / "assistant.toml"


def store_file() -> Path:
    """The database of completions, chats and ratings."""
    return data_dir() / "store.db"


def knowledge_dir() -> Path:
    """The catalog and the index of the user's documents."""
    return data_dir() / "knowledge"


def models_dir() -> Path:
    """Pulled and tuned models."""
    return data_dir() / "models"


def rewards_dir() -> Path:
    """Trained reward models, a folder each: r1, r2, …"""
    return data_dir() / "rewards"


def conversions_dir() -> Path:
    """CTranslate2 folders, one for each content hash."""
    return cache_dir() / "conversions"


def restoring_file() -> Path:
    """There while a restored backup is put in its place; a crash leaves it to the next command."""
    return data_dir() / "restoring.json"


def runs_dir() -> Path:
    """Training runs."""
    return state_dir() / "runs"


def log_file() -> Path:
    """What the app and its worker log."""
    return state_dir() / "logs" / "assistant.log"


def all_places() -> dict[str, Path]:
    """Name and path of everything that Parley may write, for `assistant paths`."""
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
