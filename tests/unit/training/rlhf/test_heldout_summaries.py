"""What is practised on, what chooses, and what the gate is asked: no conversation is two of them."""

from pathlib import Path

from training.evaluation.gate_set import conversations, practice, provoking, provoking_practice
from training.rlhf.data_split import prompt_of
from training.rlhf.heldout_summaries import asked_of, practice_of, provoked, read_practice, write_practice

OWN = [(f"Ann: Where is room {n}?\nBen: Upstairs.", f"Room {n} is upstairs." if n < 8 else "") for n in range(10)]


def test_no_conversation_is_for_two_purposes() -> None:
    found = practice_of(OWN, [], 40, teaching=True)
    asked = {prompt_of(dialogue) for dialogue, _ in asked_of(OWN)}
    assert not set(found.teach) & set(found.choose)
    assert not (set(found.teach) | set(found.choose)) & asked
    assert not (set(found.teach) | set(found.choose)) & {prompt_of(text.dialogue) for text in conversations()}
    # Of eight with a summary three are asked about, as are the two without; of the other five two teach, three choose.
    assert len(asked) == 5
    own = {prompt_of(dialogue): summary for dialogue, summary in OWN}
    assert [sum(prompt in own for prompt in part) for part in (found.teach, found.choose)] == [2, 3]
    assert all(own.get(prompt, summary) == summary for prompt, summary in found.choose.items())


def test_topics_are_parted_whole_and_those_that_choose_come_in_turn() -> None:
    found = practice_of(OWN, [], 15, teaching=True)
    topic = {prompt_of(text.dialogue): text.cluster for text in practice()}
    teach, choose = ([topic[prompt] for prompt in part if prompt in topic] for part in (found.teach, found.choose))
    assert not set(teach) & set(choose)
    # Beside three of the user's; and the other half of the 48 topics, with all ten of each.
    assert len(set(choose)) == len(choose) == 12
    assert len(set(teach)) == len(teach) / 10 == 24


def test_topics_teach_nothing_where_the_user_has_no_summaries() -> None:
    found = practice_of([(dialogue, "") for dialogue, _ in OWN], [], 60, teaching=True)
    topic = {prompt_of(text.dialogue): text.cluster for text in practice()}
    assert not found.teach
    assert len({topic[prompt] for prompt in found.choose}) == 48


def test_where_nothing_is_to_teach_all_of_it_chooses() -> None:
    found = practice_of(OWN, [], 60, teaching=False)
    topic = {prompt_of(text.dialogue): text.cluster for text in practice()}
    assert not found.teach
    # Five of the user's, and 55 texts of all 48 topics; where room is short, half of it is for the topics.
    assert (len(found.choose), len({topic.get(prompt) for prompt in found.choose} - {None})) == (60, 48)
    own = {prompt_of(dialogue) for dialogue, _ in OWN}
    narrow = practice_of(OWN, [], 6, teaching=False)
    assert [sum(prompt in own for prompt in one.choose) for one in (found, narrow)] == [5, 3]


def test_provoking_ones_for_practice_are_of_every_template_and_of_none_that_the_gate_asks() -> None:
    templates = {prompt_of(text.dialogue): text.cluster for text in provoking_practice()}
    found = provoked(18)
    assert len(found) == 18
    assert len({templates[prompt] for prompt in found}) == 3
    assert not set(templates.values()) & {text.cluster for text in provoking()}
    assert provoked(0) == []


def test_what_was_rated_is_no_practice(tmp_path: Path) -> None:
    rated = [prompt_of(dialogue) for dialogue, _ in OWN]
    found = practice_of(OWN, rated, 12, teaching=True)
    assert not (set(found.teach) | set(found.choose)) & set(rated)
    write_practice(found, tmp_path / "texts.json")
    assert read_practice(tmp_path / "texts.json") == found
