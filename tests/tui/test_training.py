"""The training screen: what a run's files say, shown live, and what can be done about it."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from textual.widgets import DataTable

from assistant.locations import runs_dir
from assistant.tui.screens.training import TrainingScreen
from assistant.tui.workers.training_run import describe_stock, newest_run, read_run, spark
from tests.tui.screens import an_app, opened, seen, settle, until

_CHECK = {"name": "win rate", "value": 0.48, "ci": [0.42, 0.55], "limit": 0.5, "passed": False, "rule": "above"}
_SAMPLE = {"prompt": "…", "current": "Ann talks to Ben.", "candidate": "Ann asks Ben.", "gain": 0.7}
_FOUND = {
    "run": "rlhf-1",
    "version": "v1",
    "promoted": False,
    "pairs": {"n": 312},
    "reward": {"accuracy": 0.74},
    "gate": {"passed": False, "checks": [_CHECK], "samples": [_SAMPLE]},
}


def a_run(
    *, found: dict[str, Any] | None = None, outcome: str = "", done: tuple[str, ...] = ("plan", "reward")
) -> Path:
    """A run as `assistant-train rlhf` leaves it; nobody works on it."""
    folder = runs_dir() / "rlhf-1"
    inner = folder / "ppo" / "ppo-1"
    inner.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "metrics.jsonl").write_text("".join(json.dumps({"stage": s, "state": "done"}) + "\n" for s in done))
    (inner / "manifest.json").write_text('{"config": {"max_steps": 40}}')
    rows = [{"step": n, "objective/kl": n / 2, "dev_judge": 1.0 + n} for n in range(1, 9)]
    (inner / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 9, "obj')
    if found:
        (folder / "result.json").write_text(json.dumps(found))
    if outcome:
        (folder / "outcome.json").write_text(json.dumps({"state": "failed", "outcome": outcome}))
    return folder


def test_a_run_is_read_from_its_files() -> None:
    assert newest_run() is None
    view = read_run(a_run(done=("plan", "reward", "judge", "samples")))
    assert view.stages == {"ratings": "done", "pairs": "done", "reward": "done", "PPO": "waiting", "gate": "waiting"}
    # The ninth line was still being written.
    assert (view.step, view.steps, view.is_running) == (8, 40, False)
    assert view.curves["KL"] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]


def test_a_curve_is_as_wide_as_its_points_or_the_room() -> None:
    assert spark([0.0, 1.0, 2.0]) == "▁▄█"
    assert spark([1.0, 1.0]) == "▁▁"
    assert len(spark([float(n) for n in range(500)], width=40)) == 40
    assert spark([]) == ""


def test_the_bar_is_as_full_as_what_is_scarcer() -> None:
    # 4 of 10 is 0.4 and 12 of 40 is 0.3: of 20 cells 6.
    assert describe_stock(12, 4) == "▓" * 6 + "░" * 14 + " 12 of 40 pairs, 4 of 10 conversations"
    assert describe_stock(40, 10) == ""


async def test_before_the_first_run_it_says_what_to_do() -> None:
    app = an_app()
    async with opened(app, (110, 30)) as pilot:
        await pilot.press("f4")
        await settle(pilot)
        assert "○ ratings 0 · 0 pairs → ○ pairs → ○ reward → ○ PPO → ○ gate" in seen(pilot.app)
        assert "Rank drafts or rate answers" in seen(pilot.app)
        assert "░ 0 of 40 pairs, 0 of 10 conversations" in seen(pilot.app)
        await pilot.press("s")
        await settle(pilot)
        lacking = "too little to learn from yet: 0 of 40 pairs, 0 of 10 conversations; rank drafts in the chat"
        assert app.notes[-1].sentence.startswith(lacking)
        await pilot.press("x")
        await settle(pilot)
        assert "nothing to stop" in seen(pilot.app)
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, TrainingScreen)


async def test_a_run_at_work_says_how_far_it_is() -> None:
    folder = a_run()
    log = runs_dir() / "rlhf.log"
    log.write_text("rlhf: PPO on pocket\nrlhf: step 8, 20%, 3 min left\n")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(str(os.getpid()))
        lock.flush()
        async with opened(an_app(), (110, 30)) as pilot:
            await pilot.press("f4")
            await settle(pilot)
            assert "rlhf-1: at work. rlhf: step 8, 20%, 3 min left" in seen(pilot.app)
        # What was said before the run began is of another one.
        os.utime(log, (1, 1))
        async with opened(an_app(), (110, 30)) as pilot:
            await pilot.press("f4")
            await settle(pilot)
            assert "rlhf-1: at work." in seen(pilot.app)
            assert "3 min left" not in seen(pilot.app)


async def test_a_run_that_is_refused_says_why_where_an_earlier_one_is_shown() -> None:
    a_run(found=_FOUND, outcome="GateNotPassed: v1 was not promoted")
    async with opened(an_app(), (130, 40)) as pilot:
        await pilot.press("f4")
        await settle(pilot)
        await pilot.press("r")
        await until(pilot, "missing required field `stage`")
        assert "GateNotPassed: v1 was not promoted" in seen(pilot.app)


async def test_a_refused_candidate_shows_why_and_is_not_promoted() -> None:
    a_run(
        found=_FOUND, outcome="GateNotPassed: v1 was not promoted", done=("plan", "reward", "judge", "samples", "ppo")
    )
    async with opened(an_app(), (130, 40)) as pilot:
        await pilot.press("f4")
        await settle(pilot)
        shown = seen(pilot.app)
        assert "● pairs 312 → ● reward 74% → ● PPO 8/40 → ✕ gate not passed" in shown
        assert "GateNotPassed: v1 was not promoted" in shown
        assert pilot.app.screen.query_one(DataTable).get_row_at(0)[0].plain == "win rate"
        assert "Ann asks Ben." in shown
        await pilot.press("p")
        await settle(pilot)
        assert "v1 did not pass the gate" in seen(pilot.app)
