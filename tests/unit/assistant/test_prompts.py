"""Every mode and task makes a prompt that holds the whole conversation, within its budget or not at all."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.dialogue import parse, render_turns
from assistant.errors import UsageError
from assistant.prompts import MODES, TASKS, DialogueTooLong, Shot, load_shots, render, split_reasoning
from assistant.prompts.modes import Phrasing, reasoning_marker
from assistant.prompts.render import _cue
from assistant.records import Prompt, Task

DIALOGUE = "Ana: Is the boat free on Sunday?\nBen: From ten: I will book it."
ASKED = list(product(MODES, TASKS))


def words(text: str) -> int:
    return len(text.split())


def ask(mode: str = "few-shot", task: Task = "summary", budget: int = 10_000, **changes: object) -> Prompt:
    values: dict[str, object] = {"dialogue": DIALOGUE, "shots": load_shots(), "count_tokens": words} | changes
    if task in TASKS and TASKS[task].takes_request:
        values.setdefault("request", "Who books the boat?")
    return render(mode=mode, task=task, budget=budget, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "task"), ASKED)
def test_every_mode_and_task_holds_the_dialogue_and_its_shots(mode: str, task: Task) -> None:
    prompt = ask(mode, task)
    assert prompt.text.count(DIALOGUE) == 1
    assert len(prompt.shots) == MODES[mode].shots
    for shot in load_shots()[: MODES[mode].shots]:
        assert shot.answers[task] in prompt.text
    assert "{" not in prompt.text
    assert (prompt.mode, prompt.task, prompt.tokens) == (mode, task, words(prompt.text))


@pytest.mark.parametrize(("task", "name"), [(task, p.name) for task in TASKS for p in TASKS[task].phrasings])
def test_every_phrasing_holds_the_dialogue(task: Task, name: str) -> None:
    for mode in MODES:
        prompt = ask(mode, task, phrasing=name)
        assert prompt.text.count(DIALOGUE) == 1
        assert prompt.phrasing == name


def test_the_default_zero_shot_prompt_to_the_letter() -> None:
    assert ask("zero-shot").text == f"Summarize the following conversation.\n\n{DIALOGUE}\n\nSummary: "


def test_chain_of_thought_asks_for_reasons_instead_of_the_answer_at_once() -> None:
    text = ask("chain-of-thought").text
    assert text.startswith(f"Summarize the following conversation.\n\n{DIALOGUE}\n\nFirst say step by step")
    assert "Summary:" not in text
    assert text.endswith("Let's think step by step. ")


def test_the_cue_is_taken_from_the_template_and_never_from_the_conversation() -> None:
    assert _cue("Do it.\n\n{dialogue}\n\nSummary: ") == ("Do it.\n\n{dialogue}\n\n", "Summary: ")
    assert _cue("Do it:\n{dialogue}") == ("Do it:\n{dialogue}\n\n", "")
    dialogue = "Ana: What do we need?\nBen: The list:"
    assert dialogue in ask("chain-of-thought", dialogue=dialogue, phrasing="going-on").text


def test_braces_in_a_conversation_are_only_text() -> None:
    dialogue = "Ana: write {dialogue} and {noun} and {instruction} here"
    for mode in MODES:
        assert ask(mode, dialogue=dialogue).text.count(dialogue) == 1


@pytest.mark.parametrize(("mode", "task"), ASKED)
def test_shots_are_dropped_before_the_conversation_is_too_long(mode: str, task: Task) -> None:
    full = ask(mode, task)
    bare = ask(mode, task, shots=())
    for budget in range(bare.tokens, full.tokens + 1):
        prompt = ask(mode, task, budget=budget)
        assert prompt.tokens <= budget
        assert len(prompt.shots) + prompt.shots_dropped == MODES[mode].shots
        assert DIALOGUE in prompt.text
    with pytest.raises(DialogueTooLong) as caught:
        ask(mode, task, budget=bare.tokens - 1)
    assert (caught.value.tokens, caught.value.budget) == (bare.tokens, bare.tokens - 1)
    assert caught.value.exit_code == 2


def test_the_least_preferred_shot_is_dropped_first() -> None:
    full = ask("few-shot")
    fewer = ask("few-shot", budget=full.tokens - 1)
    assert fewer.shots == full.shots[:-1]
    assert [shot.answers["summary"] in fewer.text for shot in load_shots()] == [True, True, False]


def test_a_shot_without_an_answer_to_the_task_is_not_shown() -> None:
    shot = Shot(name="mute", dialogue="A: hi", rationale="", answers={"summary": "A greets."})
    assert ask("one-shot", "topic", shots=(shot,)).shots == ()
    assert ask("one-shot", "summary", shots=(shot,)).shots == ("mute",)


@given(st.integers(0, 400), st.sampled_from(list(MODES)), st.text(min_size=1, max_size=300))
def test_a_prompt_fits_its_budget_or_is_refused(budget: int, mode: str, dialogue: str) -> None:
    try:
        prompt = ask(mode, budget=budget, dialogue=dialogue, count_tokens=len)
    except DialogueTooLong as error:
        assert error.tokens > budget
    else:
        assert len(prompt.text) == prompt.tokens <= budget
        assert dialogue.strip() in prompt.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "two-shot"}, "unknown mode 'two-shot'; there are zero-shot, one-shot"),
        ({"task": "poem"}, "unknown task 'poem'; there are summary, topic, actions, question, instruction"),
        ({"phrasing": "loud"}, "unknown phrasing 'loud' for summary; there are summarize, going-on"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ask(**changes)  # type: ignore[arg-type]


def test_a_change_of_wording_is_a_change_of_version() -> None:
    asked = [ask(mode, task) for mode, task in ASKED]
    assert len({prompt.version for prompt in asked}) == len(asked)
    assert ask(phrasing="short").version != ask().version
    assert ask(shots=load_shots()[::-1]).version != ask().version
    assert ask(dialogue="Ana: something else").version == ask().version


def test_shots_are_conversations_with_an_answer_to_every_task() -> None:
    for shot in load_shots():
        assert set(shot.answers) == set(TASKS)
        assert all(answer.strip() for answer in shot.answers.values())
        dialogue = parse(shot.dialogue)
        assert dialogue.has_speakers
        assert render_turns(dialogue) == shot.dialogue.strip()


def test_phrasings_have_one_place_for_the_dialogue_and_names_of_their_own() -> None:
    for templates in TASKS.values():
        phrasings: tuple[Phrasing, ...] = templates.phrasings
        assert all(phrasing.text.count("{dialogue}") == 1 for phrasing in phrasings)
        assert len({phrasing.name for phrasing in phrasings}) == len(phrasings)


@pytest.mark.parametrize("task", list(TASKS))
def test_reasoning_is_kept_apart_from_the_answer(task: Task) -> None:
    marker = reasoning_marker().format(noun=TASKS[task].noun)
    assert split_reasoning(f" Ana asks. {marker} Ben books it. ", task) == ("Ana asks.", "Ben books it.")
    assert split_reasoning("Ben books it.\n", task) == ("", "Ben books it.")
    assert split_reasoning(f"Ben books it. {marker} ", task) == ("", "Ben books it.")


@given(st.text())
def test_splitting_reasoning_never_loses_an_answer(text: str) -> None:
    assert split_reasoning(text, "summary")[1] == text.strip()
