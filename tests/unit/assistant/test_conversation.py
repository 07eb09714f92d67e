"""The use case with a real engine, a real store and a tiny real model."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assistant.conversation import Answer, Ask, Assistant
from assistant.dialogue import parse
from assistant.drafting import ability, aim
from assistant.engine.protocol import Piece, Progress
from assistant.errors import ModelMissing, UsageError
from assistant.feedback.store import Store
from assistant.files import write_atomically
from assistant.models.registry import resolve
from assistant.records import GenerationSettings
from assistant.settings import ModelSettings, Settings

_TALK = "Maya: The review moves to Friday.\nTom: I'll book the room.\nMaya: Thank you, Tom."
_GREEDY = GenerationSettings(decoding="greedy", max_new_tokens=12)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as opened:
        yield opened


@pytest.fixture
def assistant(tiny_model: Path, store: Store) -> Iterator[Assistant]:
    with Assistant(Settings(model=ModelSettings(ref=str(tiny_model), threads=1)), store=store) as opened:
        yield opened


def test_an_answer_is_in_the_store_with_the_prompt_and_seed_that_made_it(assistant: Assistant, store: Store) -> None:
    sampled = GenerationSettings(decoding="sample", max_new_tokens=12)
    completion = assistant.answer(parse(_TALK), Ask(settings=sampled)).completion

    assert store.completions.get(completion.id) == completion
    assert "Maya: The review moves to Friday." in completion.prompt
    assert completion.settings.seed is not None


def test_the_same_seed_gives_the_same_drafts_and_another_seed_others(assistant: Assistant) -> None:
    sampled = GenerationSettings(decoding="sample", temperature=2.0, drafts=3, seed=7, max_new_tokens=12)
    ask = Ask(settings=sampled)
    other = Ask(settings=msgspec.structs.replace(sampled, seed=8))

    def texts(ask: Ask) -> list[str]:
        return [draft.answer for draft in assistant.answer(parse(_TALK), ask).drafts]

    assert texts(ask) == texts(ask)
    assert texts(ask) != texts(other)


def test_the_pieces_of_a_stream_are_the_answer(assistant: Assistant) -> None:
    replies = list(assistant.stream(parse(_TALK), Ask(settings=_GREEDY)))

    answer = replies[-1]
    assert isinstance(answer, Answer)
    pieces = "".join(reply.text for reply in replies if isinstance(reply, Piece))
    assert pieces.strip() == answer.completion.answer


def test_a_conversation_longer_than_the_window_is_answered_in_parts_that_cover_every_turn(
    assistant: Assistant, store: Store
) -> None:
    turns = [f"{'Maya' if n % 2 else 'Tom'}: This is sentence number {n} of a long meeting." for n in range(150)]

    answer = assistant.answer(parse("\n".join(turns)), Ask(settings=_GREEDY))

    assert len(answer.parts) > 1
    assert answer.turns == 150
    for n in range(150):
        assert any(f"number {n} of" in part.prompt for part in answer.parts), f"turn {n} is in no part"
    window = assistant.loaded.model.window if assistant.loaded else 0
    assert all(0 < part.prompt_tokens <= window for part in answer.parts)
    assert {part.part_of for part in answer.parts} == {answer.completion.id}
    assert store.completions.get(answer.parts[0].id).part_of == answer.completion.id


def test_a_batch_answers_in_the_order_of_the_conversations(assistant: Assistant) -> None:
    ask = Ask(settings=_GREEDY)
    dialogues = [parse(_TALK + f"\nTom: Room {n}." * n) for n in (3, 0, 2)]

    batch = [answer.completion.answer for answer in assistant.answers(dialogues, ask)]

    assert batch == [assistant.answer(dialogue, ask).completion.answer for dialogue in dialogues]


def test_aiming_at_words_returns_as_many_drafts_as_were_asked_for(assistant: Assistant) -> None:
    assert len(assistant.answer(parse(_TALK), Ask(words=5)).drafts) == 1


def test_a_long_conversation_in_a_batch_leaves_the_others_their_words(assistant: Assistant) -> None:
    long = parse("\n".join(f"Maya: This is sentence number {n} of a long meeting." for n in range(150)))

    short, parts = assistant.answers([parse(_TALK), long], Ask(words=20))

    assert len(parts.parts) > 1
    assert short.completion.settings.max_new_tokens == aim(GenerationSettings(), 20).max_new_tokens
    share = round(20 / len(parts.parts))
    assert parts.completion.settings.max_new_tokens == aim(GenerationSettings(), share).max_new_tokens


def test_a_long_answer_that_is_cancelled_keeps_the_parts_that_were_written(assistant: Assistant, store: Store) -> None:
    turns = [f"{'Maya' if n % 2 else 'Tom'}: This is sentence number {n} of a long meeting." for n in range(400)]
    ask = Ask(settings=GenerationSettings(decoding="sample", max_new_tokens=40, min_new_tokens=40, seed=1))
    assistant.load()

    def cancel_when_two_are_written(progress: Progress) -> None:
        if progress.done == 2:
            assistant.cancel()

    answer = assistant.answer(parse("\n".join(turns)), ask, on_progress=cancel_when_two_are_written)

    assert answer.completion.finished == "cancelled"
    assert 2 <= len(answer.parts) < len(assistant.prompts(parse("\n".join(turns)), ask))
    assert store.completions.get(answer.completion.id).answer == answer.completion.answer


def test_a_model_that_is_not_there_is_named(assistant: Assistant) -> None:
    with pytest.raises(ModelMissing, match="nobody/nothing"):
        assistant.load("nobody/nothing")


def test_impossible_settings_are_refused_before_the_model_is_asked(assistant: Assistant) -> None:
    with pytest.raises(UsageError, match="greedy"):
        assistant.answer(parse(_TALK), Ask(settings=GenerationSettings(decoding="greedy", drafts=3)))


def _call_able(folder: Path) -> None:
    """Note that the model in the folder was tested and can read; the tiny one can't."""
    model = resolve(str(folder), Settings())
    write_atomically(
        ability.note_file(model), msgspec.json.encode(ability.Ability(model=model.ref, right=12, asked=12))
    )


_LONG = "\n".join(f"{'Maya' if n % 2 else 'Tom'}: This is sentence number {n} of a meeting." for n in range(60))


def test_a_model_that_reads_combines_the_answers_to_the_parts(
    assistant: Assistant, store: Store, tiny_model: Path
) -> None:
    _call_able(tiny_model)
    stages: list[str] = []

    answer = assistant.answer(parse(_LONG), Ask(settings=_GREEDY), lambda progress: stages.append(progress.stage))

    assert answer.combined and len(answer.parts) > 1 and "combining" in stages
    # What the answer was written from is the answers to all parts, in their order.
    for number, part in enumerate(answer.parts, start=1):
        assert f"Part {number}: {' '.join(part.answer.split())}".rstrip() in answer.completion.prompt
        assert store.completions.get(part.id).part_of == answer.completion.id


def test_a_small_model_s_answers_to_the_parts_stand_side_by_side(assistant: Assistant) -> None:
    answer = assistant.answer(parse(_LONG), Ask(settings=_GREEDY))

    assert not answer.combined
    assert answer.completion.answer == "\n\n".join(part.answer for part in answer.parts)


def test_a_combined_answer_streams_as_one_piece(assistant: Assistant, tiny_model: Path) -> None:
    _call_able(tiny_model)

    *pieces, answer = assistant.stream(parse(_LONG), Ask(settings=_GREEDY))

    assert isinstance(answer, Answer) and answer.combined
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == answer.completion.answer
