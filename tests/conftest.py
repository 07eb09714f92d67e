"""Every test gets a home of its own and no network: a socket that is not a Unix socket fails the test that opens it."""

import os
import shutil
import socket
from pathlib import Path

import pytest

# Before any library reads them. One thread each: the runner's cores are few, and results do not depend on a reduction
# order.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
os.environ.setdefault("OMP_NUM_THREADS", "1")


class NetworkUsed(AssertionError):
    """A test tried to open a network socket."""


class _LocalSocket(socket.socket):
    def __init__(self, family: int = -1, *args: object, **kwargs: object) -> None:
        if family not in (socket.AF_UNIX, -1):
            raise NetworkUsed(f"a test opened a network socket (family {family})")
        super().__init__(family, *args, **kwargs)  # type: ignore[arg-type]
        if self.family != socket.AF_UNIX:
            raise NetworkUsed("a test opened a network socket")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Refuse network sockets in this process, except where a test asks for `localhost_network`."""
    if "localhost_network" not in request.fixturenames:
        monkeypatch.setattr(socket, "socket", _LocalSocket)


@pytest.fixture
def localhost_network() -> None:
    """Name this fixture to talk to a server of the test's own on this machine."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh ASSISTANT_HOME, and no settings from the environment or the working folder."""
    for name in list(os.environ):
        if name.startswith("ASSISTANT_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("ASSISTANT_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(scope="session")
def taught_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that knows the two summaries of `tests.tiny_models.LESSONS`."""
    from tests.tiny_models import build_tiny_model

    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny", steps=40)


@pytest.fixture(scope="session")
def tiny_conversion(taught_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The taught model's conversion, made once for all tests, in a folder named as the cache names it."""
    from assistant.engine.conversion import convert_folder, hash_of

    place = tmp_path_factory.mktemp("conversions") / hash_of(taught_model)
    convert_folder(taught_model, place)
    return place


@pytest.fixture
def tiny_model(taught_model: Path, tiny_conversion: Path, home: Path) -> Path:
    """The taught model's folder, its conversion already in this test's cache."""
    shutil.copytree(tiny_conversion, home / "cache" / "conversions" / tiny_conversion.name)
    return taught_model
