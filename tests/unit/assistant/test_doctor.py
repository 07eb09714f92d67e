"""`assistant doctor`: what it looks at, what it says of each thing that is wrong, and when its proof fails."""

import json
from collections import namedtuple
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import doctor as checks
from assistant.cli import main, offline
from assistant.feedback.store import Store
from assistant.locations import config_dir, data_dir, ensure_dir, store_file
from assistant.settings import save_setting
from tests.builders import a_completion


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def test_a_sound_installation_passes_with_a_real_summary(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_setting("model.ref", str(tiny_model))
    code, printed = doctor(capsys, "--json")
    report = json.loads(printed)
    found = {check["name"]: check for check in report["checks"]}
    assert (code, report["passed"], list(found)) == (
        0, True, ["python", "packages", "settings", "places", "store", "model", "embedder", "summary"],
    )  # fmt: skip
    assert all(check["passed"] for check in found.values())
    assert found["settings"]["detail"] == "1 of your own"
    assert "last answer not asked yet" in found["store"]["detail"]
    assert "ctranslate" in found["model"]["detail"]
    words, rest = found["summary"]["detail"].split(maxsplit=1)
    assert int(words) > 0 and rest.startswith("words in")
    # What it tried is in nobody's history.
    with Store.open() as store:
        assert not store.chats.newest()


def an_unreadable_setting() -> None:
    ensure_dir(config_dir())
    (config_dir() / "config.toml").write_text("[generation]\ntop_kk = 3\n")


def a_readable_home() -> None:
    ensure_dir(data_dir()).chmod(0o750)


def a_broken_store() -> None:
    ensure_dir(data_dir())
    store_file().write_bytes(b"no database at all, only text" * 40)


@pytest.mark.parametrize(
    ("harm", "name", "said"),
    [
        (an_unreadable_setting, "settings", "generation.top_k"),
        (a_readable_home, "places", "run: chmod 700"),
        (a_broken_store, "store", "assistant restore"),
        (lambda: save_setting("model.ref", "/nowhere/at/all"), "model", "/nowhere/at/all"),
        (lambda: save_setting("model.ref", "/nowhere/at/all"), "summary", "/nowhere/at/all"),
    ],
    ids=["settings", "places", "store", "model", "summary"],
)
def test_what_is_wrong_fails_with_what_to_do(
    harm: Callable[[], None], name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "_CHECKS", {name: checks._CHECKS[name], "python": checks._CHECKS["python"]})
    harm()
    code, printed = doctor(capsys)
    first, second = printed.splitlines()
    assert (code, first[:4], second[:4]) == (1, "FAIL", "ok  ")
    assert said in first
    code, printed = doctor(capsys, "--json")
    assert (code, json.loads(printed)["passed"]) == (1, False)


def test_an_answer_that_is_kept_is_seen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_CHECKS", {"store": checks._CHECKS["store"]})
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
    assert doctor(capsys)[1].endswith("last answer kept\n")


def test_why_a_model_answers_is_part_of_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_CHECKS", {"model": checks._CHECKS["model"]})
    assert "the small bundled model is used; served as " in doctor(capsys)[1]


def test_too_little_room_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checks, "_CHECKS", {"places": checks._CHECKS["places"]})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10**12, 10**12, 499 * 2**20))
    code, printed = doctor(capsys)
    assert code == 1 and "only 499 MB free" in printed


@pytest.mark.parametrize(
    ("absent", "code", "said"), [("textual", 1, "run `make chat` again"), ("torch", 0, "no torch")]
)
def test_a_chat_needs_no_torch_and_the_rest_is_said(
    absent: str, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> str:
        if name == absent:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(checks, "version", without)
    monkeypatch.setattr(checks, "_CHECKS", {"packages": checks._CHECKS["packages"]})
    ended, printed = doctor(capsys)
    assert ended == code and said in printed


def a_curious_step(bench: Any) -> str:
    code = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.socket()\nprint('{}')"
    bench.run("-c", code)
    return "all well"


def test_the_proof_fails_where_a_step_tried_the_network_and_hid_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"guard": offline._guarded, "curious": a_curious_step, "sober": lambda bench: bench.run("-c", "print(3)")}
    monkeypatch.setattr(offline, "_STEPS", steps)
    code, printed = doctor(capsys, "--offline")
    guard, curious, sober, fences = printed.splitlines()
    assert code == 1
    assert guard.startswith("ok    guard") and guard.endswith("a socket opened on purpose was stopped")
    assert curious.startswith("FAIL  curious") and "1 network calls" in curious
    assert "tried the network (socket.__new__)" in curious
    assert sober.startswith("ok    sober") and "0 network calls" in sober
    assert "audit hook" in fences


@pytest.mark.slow
def test_the_trainer_takes_a_step_with_the_network_shut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "_STEPS", {name: offline._STEPS[name] for name in offline._TRAINER})
    code, printed = doctor(capsys, "--offline")
    assert (code, printed.count(" 0 network calls")) == (0, 2), printed


def test_the_proof_fails_where_the_guard_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "_STEPS", {"guard": offline._guarded})
    monkeypatch.setattr(offline.guard, "attempts", lambda log: [])
    code, printed = doctor(capsys, "--offline")
    assert code == 1 and "this check would prove nothing" in printed


def test_the_trainer_s_steps_are_left_out_without_torch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "_STEPS", {"ppo step": offline._STEPS["ppo step"]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, printed = doctor(capsys, "--offline", "--json")
    (step,) = json.loads(printed)["steps"]
    assert code == 0 and step["skipped"].startswith("torch is missing: pip install")
