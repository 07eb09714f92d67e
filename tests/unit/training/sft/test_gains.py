"""What is asked before and after tuning, and how: as the assistant asks, in order, with a fixed set of other tasks."""

from pathlib import Path

import pytest

from assistant.errors import Interrupted
from assistant.models.registry import resolve
from assistant.settings import load_settings
from tests.tiny_models import LESSONS
from training.evaluation.gate_set import other_tasks
from training.evaluation.metrics.case import Case
from training.runs.job import Job
from training.runs.run import StopRequested
from training.sft import gains
from training.sft.config import SftConfig
from training.sft.examples import Lesson, lesson_of
from training.sft.gains import HELD_OUT, OTHER_TASKS, ask, examination


def job(stop: StopRequested | None = None) -> Job[SftConfig]:
    return Job(stage="sft", config=SftConfig(), stop=stop or StopRequested())


def test_without_files_a_fixed_set_of_other_tasks_shows_what_was_forgotten(tmp_path: Path) -> None:
    held_out = [Lesson(f"A: {i}", "x") for i in range(9)]
    tasks = examination(held_out, SftConfig(judge=3, forgetting_cases=6))
    assert {name: len(lessons) for name, lessons in tasks.items()} == {HELD_OUT: 3, OTHER_TASKS: 6}
    assert [lesson.source for lesson in tasks[HELD_OUT]] == ["A: 0", "A: 3", "A: 6"]  # evenly, not the first ones
    assert tasks == examination(held_out, SftConfig(judge=3, forgetting_cases=6))
    assert len(examination(held_out, SftConfig(judge=1))[OTHER_TASKS]) == min(100, len(other_tasks()))
    # A file of one's own is asked instead, and nothing at all where nothing is to be judged.
    file = tmp_path / "mine.jsonl"
    file.write_text('{"input": "Say yes.", "target": "yes"}\n')
    assert list(examination(held_out, SftConfig(judge=3, forgetting=(str(file),)))) == [HELD_OUT, "mine"]
    assert examination(held_out, SftConfig(judge=0)) == {}


def test_exact_texts_and_conversations_keep_their_order_and_only_these_are_guarded(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, one), (second, two) = LESSONS.items()
    talk = lesson_of({"dialogue": "Ann: Lunch?\nBob: Yes.", "summary": "They eat."}, "summary", None)
    drawn: list[str] = []
    real = gains.draw

    def draw(engine: object, parts: object, *given: object, **named: object) -> object:
        drawn.extend(part.source for part in parts)  # type: ignore[attr-defined]
        return real(engine, parts, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(gains, "draw", draw)
    model = resolve(str(tiny_model), load_settings())
    answers = ask(model, {"mixed": (Lesson(first, one), talk, Lesson(second, two))}, job(), threads=1)
    cases = answers["mixed"]
    assert [case.prediction for case in cases[::2]] == [one, two]
    assert [case.references for case in cases] == [(one,), ("They eat.",), (two,)]
    assert [case.dialogue for case in cases] == [first, "Ann: Lunch?\nBob: Yes.", second]
    # What a conversation does not say is avoided as when the assistant answers; another task is read as it stands.
    assert drawn == ["Ann: Lunch?\nBob: Yes."]
    stop = StopRequested()
    stop.requested = True
    with pytest.raises(Interrupted, match="was made and is kept"):
        ask(model, {"mixed": (Lesson(first, one), Lesson(second, two))}, job(stop), threads=1)


def test_a_gain_is_the_paired_difference_and_what_was_forgotten_has_its_own_name() -> None:
    def cases(*texts: str) -> list[Case]:
        references = ("the cat sat", "my dog")
        return [Case(str(i), f"A: {i}", (references[i],), text) for i, text in enumerate(texts)]

    found = gains.gains(
        {HELD_OUT: cases("the cat", "my cat"), "old": cases("the cat sat", "my dog")},
        {HELD_OUT: cases("the cat sat", "my cat"), "old": cases("the cat sat", "no")},
    )
    # "the cat" of "the cat sat": P 1, R 2/3, F1 0.8; then 1. The second stays. Half of 20 points.
    assert found[HELD_OUT]["rouge1"]["difference"] == pytest.approx(10)
    assert found["old"]["rouge1"]["difference"] == pytest.approx(-50)
    flat = gains.flat(found)
    assert flat["rouge1_gain"] == pytest.approx(10)
    assert flat["rouge1"] == pytest.approx((100 + 50) / 2)
    assert flat["rouge1_change_on_old"] == pytest.approx(-50)
