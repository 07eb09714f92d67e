"""The gate's own texts: enough of them, the same every time, and none for practice among those that are asked."""

from assistant.dialogue import parse
from assistant.scoring.faithfulness.support import unsupported
from training.evaluation.gate_set import conversations, other_tasks, practice, provoking


def test_there_are_enough_and_none_comes_twice() -> None:
    for texts, least in ((conversations(), 300), (practice(), 200), (provoking(), 500)):
        assert len({text.dialogue for text in texts}) == len(texts) >= least
        assert len({text.id for text in texts}) == len(texts)


def test_they_are_conversations_of_two_whose_summaries_name_nothing_else() -> None:
    for text in (*conversations(), *practice()):
        assert len(parse(text.dialogue).speakers) == 2, text.id
        assert "{" not in text.dialogue + text.summary
        assert not unsupported(text.summary, text.dialogue), (text.summary, text.dialogue)


def test_one_of_every_topic_comes_before_the_second_of_any() -> None:
    for texts in (conversations(), practice()):
        topics = {text.cluster for text in texts}
        assert {text.cluster for text in texts[: len(topics)]} == topics
        assert len(texts) == 10 * len(topics)


def test_what_is_practised_is_not_asked() -> None:
    assert not {text.cluster for text in practice()} & {text.cluster for text in conversations()}


def test_other_tasks_have_their_answer_in_the_prompt_or_are_a_conversation() -> None:
    tasks = other_tasks()
    assert len(tasks) == 3 * len({text.cluster for text in conversations()})
    for first, last, written in zip(tasks[::3], tasks[1::3], tasks[2::3], strict=True):
        assert f"\n{first.answer}: " in first.prompt
        assert f"\n{last.answer}\n" in last.prompt
        assert written.answer in first.prompt


def test_half_are_between_named_people() -> None:
    tagged = sum(text.dialogue.startswith("#Person") for text in conversations())
    assert tagged * 2 == len(conversations())
