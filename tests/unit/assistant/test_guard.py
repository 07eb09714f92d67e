"""The fence around the network: what it stops, what it lets through, and that a swallowed error is noted."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import guard, switches
from assistant.cli.offline import check_offline

_ROOT = Path(__file__).parents[3]


def run(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, env=guard.environment(log), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import _socket; _socket.socket()",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.gethostbyname('localhost')",
    ],
)
def test_a_network_socket_fails_and_is_noted(code: str, tmp_path: Path) -> None:
    done = run(code, tmp_path / "log")
    assert done.returncode == 1
    assert "NetworkForbidden" in done.stderr
    assert len(guard.attempts(tmp_path / "log")) == 1


def test_an_attempt_whose_error_is_swallowed_is_noted_with_its_command(tmp_path: Path) -> None:
    code = "import urllib.request as u\ntry: u.urlopen('http://example.com')\nexcept Exception: pass"
    assert run(code, tmp_path / "log").returncode == 0
    (attempt,) = guard.attempts(tmp_path / "log")
    assert attempt.event == "socket.getaddrinfo"
    assert "example.com" in attempt.command


def test_unix_sockets_and_adopted_descriptors_pass(tmp_path: Path) -> None:
    code = "import socket; a, b = socket.socketpair(); socket.socket(fileno=a.detach()).send(b'x'); print(b.recv(1))"
    assert run(code, tmp_path / "log").stdout == "b'x'\n"
    assert guard.attempts(tmp_path / "log") == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")
@pytest.mark.parametrize("kind", ["library", "library, IPv6", "child"])
def test_the_kernel_ends_what_goes_past_python(kind: str, tmp_path: Path) -> None:
    code = f"import ctypes; ctypes.CDLL(None).socket({10 if 'IPv6' in kind else 2}, 1, 0)"
    if kind == "child":
        shell = "exec 3<>/dev/tcp/127.0.0.1/9"
        code = f"import subprocess as s, sys; sys.exit(s.run(['bash', '-c', {shell!r}]).returncode)"
    # SIGSYS is 31: the kernel's answer to a forbidden call.
    assert run(code, tmp_path / "log").returncode in (-31, 256 - 31)


def test_this_very_test_run_stands_inside_the_fence(expects_attempts: None) -> None:
    with pytest.raises(PermissionError, match="network is not to be used"):
        socket.socket(socket.AF_INET)
    done = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True, check=False)
    assert b"NetworkForbidden" in done.stderr


def test_the_switches_are_set_in_one_place_and_these_are_all() -> None:
    assert set(switches.OFFLINE) | set(switches.FETCHING) == {
        "DO_NOT_TRACK",
        "HF_DATASETS_OFFLINE",
        "HF_EVALUATE_OFFLINE",
        "HF_HUB_DISABLE_PROGRESS_BARS",
        "HF_HUB_DISABLE_TELEMETRY",
        "HF_HUB_DISABLE_XET",
        "HF_HUB_OFFLINE",
        "HF_HUB_VERBOSITY",
        "TOKENIZERS_PARALLELISM",
        "TRANSFORMERS_OFFLINE",
        "TRANSFORMERS_VERBOSITY",
    }
    assert switches.SILENT.items() <= switches.OFFLINE.items() & switches.HUB.items() & switches.FETCHING.items()
    assert {name for name, value in switches.FETCHING.items() if value == "0"} <= set(switches.OFFLINE)
    names = re.compile("|".join(sorted(set(switches.OFFLINE) | set(switches.HUB))))
    elsewhere = [
        path.relative_to(_ROOT)
        for package in ("assistant", "knowledge", "training")
        for path in (_ROOT / package).rglob("*.py")
        if path.name != "switches.py" and names.search(path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []


def test_whoever_sets_the_environment_sets_only_the_switches() -> None:
    """Every write to os.environ in the product is of one of the tables, or where fonts are kept."""
    writes = re.compile(r"os\.environ(?:\.update\((.*?)\)|\.setdefault\([^,]*|\[[^\]]+\]\s*=[^=]|\.pop)|os\.putenv")
    found = {
        match.group(0)
        for package in ("assistant", "knowledge", "training")
        for path in (_ROOT / package).rglob("*.py")
        for match in writes.finditer(path.read_text(encoding="utf-8"))
    }
    tables = {f"os.environ.update({name})" for name in ("SILENT", "OFFLINE", "HUB", "FETCHING", "tracking(name, place")}
    assert found == tables | {'os.environ.setdefault("MPLCONFIGDIR"'}


def test_a_step_that_takes_too_long_has_failed_and_says_so() -> None:
    report = check_offline(longest=0.01)
    assert not report.passed
    first, *rest = report.steps
    assert (first.name, first.passed) == ("guard", True)
    assert {step.detail for step in rest} == {"not finished after 0.01 s; try again when the machine is less busy"}


@pytest.mark.slow
def test_the_whole_loop_runs_without_a_network() -> None:
    # However busy the machine is: the limit is for somebody who waits, and no claim of this test.
    report = check_offline(longest=3600)
    assert report.passed, report
    assert {step.name for step in report.steps} >= {
        "guard",
        "summary",
        "knowledge",
        "rating",
        "reward step",
        "ppo step",
    }
    assert sum(step.attempts for step in report.steps) == 0
    assert "audit hook" in report.fences
