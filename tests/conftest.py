"""Every test gets its own home and no network.

Any socket other than a Unix socket fails, in the tests and in the processes that they start. `assistant.guard` blocks
them, as in `assistant doctor --offline`.
"""

import importlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from assistant import guard
from assistant.switches import OFFLINE

# Set before any library reads them. One thread each, since there are few cores, and results must not depend on the
# order of a reduction.
os.environ.update(OFFLINE)
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A background job of a shell ignores Ctrl+C, and so would every program that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("parley", deadline=None)  # the time of a case depends on the machine
hypothesis.settings.load_profile("parley")
_MODELS = {"taught_model", "tiny_model", "tiny_conversion"}
_LONG = (
    "tests/tui",
    "tests/end_to_end",
    "tests/unit/training",
    "tests/unit/assistant/test_engine",
    "tests/unit/knowledge",
)
_ATTEMPTS = Path(tempfile.mkdtemp(prefix="parley-guard-")) / "attempts.jsonl"


def pytest_configure(config: pytest.Config) -> None:
    """Block the network in the processes that run tests. The controller of pytest-xdist would pass the block on too
    early.
    """
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        return
    # The library `evaluate` imports urllib3, which opens a socket on import to check for IPv6.
    importlib.import_module("urllib3")
    os.environ.update(guard.environment(_ATTEMPTS, strict=False))
    sys.path.insert(0, str(Path(guard.__file__).parent))
    sys.modules.pop("sitecustomize", None)  # some systems' Pythons have one
    importlib.import_module("sitecustomize")  # installs the audit hook in this process, permanently
    # From here on, strict for child processes only: the kernel's filter could not be lifted for a test that runs a
    # server here.
    os.environ[guard.STRICT] = "1"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument, since all workers must agree on a test's name, and a generated file contains the
    time.
    """
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that train or serve a model, or open the app, so that `make quick` can leave them out."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & _MODELS or item.nodeid.startswith(_LONG):
            item.add_marker(pytest.mark.trains)


def pytest_unconfigure() -> None:
    """Remove the temporary folder."""
    shutil.rmtree(_ATTEMPTS.parent, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that tried to use the network, directly or in a child process, even if it swallowed the error."""
    if "localhost_network" in request.fixturenames:
        monkeypatch.setattr(sys.modules["sitecustomize"].switch, "open", True)
        monkeypatch.delenv(guard.LOG)
        monkeypatch.delenv(guard.STRICT)
        monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"].partition(os.pathsep)[2])
        yield
        return
    before = len(guard.attempts(_ATTEMPTS))
    yield
    tried = guard.attempts(_ATTEMPTS)[before:]
    assert not tried or "expects_attempts" in request.fixturenames, f"tried the network: {tried}"


@pytest.fixture
def localhost_network() -> None:
    """Request this fixture to talk to a test server on this machine."""


@pytest.fixture
def expects_attempts() -> None:
    """Request this fixture to try the network on purpose."""


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
    from tests.tiny_models import copy_taught_model

    return copy_taught_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_conversion(taught_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The taught model's conversion, made once for all tests, in a folder named as in the cache."""
    from assistant.engine.conversion import convert_folder, hash_of

    place = tmp_path_factory.mktemp("conversions") / hash_of(taught_model)
    convert_folder(taught_model, place)
    return place


@pytest.fixture
def tiny_model(taught_model: Path, tiny_conversion: Path, home: Path) -> Path:
    """The taught model's folder; its conversion is in this test's cache."""
    shutil.copytree(tiny_conversion, home / "cache" / "conversions" / tiny_conversion.name)
    return taught_model


@pytest.fixture(scope="session")
def minilm_conversion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """all-MiniLM, converted once for all tests, in a folder named as in the cache."""
    from assistant.scoring.encoder import convert, minilm_folder, minilm_name

    place = tmp_path_factory.mktemp("minilm") / minilm_name()
    convert(minilm_folder(), place)
    return place


@pytest.fixture
def minilm(minilm_conversion: Path, home: Path) -> Path:
    """all-MiniLM's conversion, in this test's cache."""
    place = home / "cache" / "conversions" / minilm_conversion.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(minilm_conversion)
    return place
