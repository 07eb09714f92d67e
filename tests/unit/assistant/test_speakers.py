"""Speakers as tags: what a model reads for names, and the names back in what it wrote; on texts, and end to end on a
tiny model that was taught with tags.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.conversation import Answer, Ask, Assistant
from assistant.dialogue import parse
from assistant.drafting.writing import score
from assistant.engine.protocol import Piece
from assistant.errors import ModelDamaged
from assistant.feedback.store import Store
from assistant.models.registry import resolve
from assistant.prompts import Restoring, explain, hide, render, restore, show, show_turns
from assistant.records import GenerationSettings, Prompt
from assistant.settings import ModelSettings, Settings
from tests.tiny_models import TAGGED_TALK, copy_tagged_model

TAGS = ("#Person1#", "#Person2#", "#Person3#")
TALK = TAGGED_TALK.format("Maya", "Tom")
_GREEDY = GenerationSettings(decoding="greedy", max_new_tokens=20, no_repeat_ngram=0)


def _prompt(dialogue: str, **how: str) -> Prompt:
    return render(dialogue, budget=1 << 30, count_tokens=len, **how)  # type: ignore[arg-type]


def test_speakers_become_tags_in_the_order_in_which_they_speak() -> None:
    shown = show(_prompt("Tom: Hi.\nMaya: Hello, Tom!\nTom: Bye.").text, TAGS)

    assert shown.text == _prompt("#Person1#: Hi.\n#Person2#: Hello, #Person1#!\n#Person1#: Bye.").text
    assert shown.names == {"#Person1#": "Tom", "#Person2#": "Maya"}


def test_a_speaker_beyond_the_last_tag_keeps_the_name() -> None:
    assert show_turns("A: a\nBea: b\nCem: c\nDan: d, Bea", TAGS).text == (
        "#Person1#: a\n#Person2#: b\n#Person3#: c\nDan: d, #Person2#"
    )


def test_tags_are_put_in_the_order_of_speaking_too() -> None:
    shown = show_turns("#Person2#: Hi, #Person1#.\n#Person1#: Hi.", TAGS)

    assert shown.text == "#Person1#: Hi, #Person2#.\n#Person2#: Hi."
    assert restore("#Person1# greets #Person2#.", shown.names) == "#Person2# greets #Person1#."


def test_nobody_is_taken_for_another_who_has_a_tag_for_a_name() -> None:
    conversation = "A: a\nBea: b\nCem: c\n#Person1#: d"

    assert show_turns(conversation, TAGS).text == conversation


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Ask Will.", "Ask #Person1#."),
        ("Will, come here!", "#Person1#, come here!"),
        ("Will you come?", "Will you come?"),
        ("Fine. Will it rain?", "Fine. Will it rain?"),
        ("Willow and Bill", "Willow and Bill"),
        ("Ann is late. Ann Lee's car", "#Person2# is late. #Person2#'s car"),
        ("An A in maths", "An A in maths"),
    ],
)
def test_a_name_inside_a_sentence_is_told_from_a_word(said: str, read: str) -> None:
    assert show_turns(f"Will: {said}\nAnn Lee: Yes.\nA: No.", TAGS).text.split("\n")[0] == f"#Person1#: {read}"


def test_a_question_about_a_speaker_names_the_tag() -> None:
    shown = show(_prompt(TALK, task="question", request="What does Tom book?").text, TAGS)

    assert "Question: What does #Person2# book?" in shown.text


@pytest.mark.parametrize(
    "prompt", ["Question: Who is it?\nTom: me", _prompt("It rained all day.").text, _prompt("").text, ""]
)
def test_what_has_no_speakers_stays_as_it_is(prompt: str) -> None:
    assert show(prompt, TAGS).text == prompt
    assert show(prompt, TAGS).names == {}


def test_a_narrator_is_no_person() -> None:
    assert show_turns("Narrator: It rained.\nMaya: Yes.", TAGS).names == {"#Person1#": "Maya"}


def test_a_model_without_tags_reads_the_prompt_as_it_is() -> None:
    prompt = _prompt(TALK).text

    assert show(prompt, ()).text == prompt


def test_names_in_a_summary_become_tags_and_come_back() -> None:
    names = {"#Person1#": "Maya", "#Person2#": "Tom Reed"}

    hidden = hide("Maya asks Tom's sister. Tom Reed and Mayan art.", names)

    assert hidden == "#Person1# asks #Person2#'s sister. #Person2# and Mayan art."
    assert restore(hidden, names) == "Maya asks Tom Reed's sister. Tom Reed and Mayan art."


def test_a_shared_first_name_stands_for_nobody() -> None:
    assert hide("Ann thanks Ann Lee.", {"#Person1#": "Ann Lee", "#Person2#": "Ann Roe"}) == "Ann thanks #Person1#."


_NAMES = st.sampled_from(["Maya", "Tom", "Ann Lee", "Zoë", "Bo", "user 1", "#Person2#", "李雷", "O'Neil"])


@given(st.lists(st.tuples(_NAMES, st.text("abc XYZ.,!?#Person12", min_size=1)), min_size=1, max_size=6))
def test_what_is_shown_comes_back(turns: list[tuple[str, str]]) -> None:
    """With names that nobody says, showing and restoring are inverse."""
    conversation = "\n".join(f"{name}: x {said} x" for name, said in turns)
    shown = show_turns(conversation, TAGS)
    if any(name in said or tag in said for name, _ in turns for tag in TAGS for _, said in turns):
        return

    assert restore(shown.text, shown.names) == conversation


@given(st.text("#Person123 ab", max_size=40), st.data())
def test_pieces_are_restored_as_the_whole_is(text: str, data: st.DataObject) -> None:
    names = {"#Person1#": "Maya", "#Person2#": "Tom"}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    restoring = Restoring(names)

    pieces = [restoring.add(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert "".join([*pieces, restoring.finish()]) == restore(text, names)


def test_the_sentence_says_who_is_who_and_nothing_where_nobody_is_renamed() -> None:
    assert explain({"#Person1#": "Maya", "#Person2#": "#Person2#"}) == (
        "The model reads #Person1# for Maya, and the answer gets the names back."
    )
    assert explain({"#Person1#": "#Person1#"}) == ""


@pytest.fixture(scope="module")
def tagged_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tagged_model(tmp_path_factory.mktemp("tagged") / "tiny")


@pytest.fixture
def assistant(tagged_model: Path, home: Path) -> Iterator[Assistant]:
    with (
        Store.open() as store,
        Assistant(Settings(model=ModelSettings(ref=str(tagged_model), threads=1)), store=store) as opened,
    ):
        yield opened


@pytest.mark.parametrize("others", [("Maya", "Tom"), ("Ida", "Bo"), ("#Person2#", "#Person1#")])
def test_an_answer_has_the_names_of_whoever_speaks(assistant: Assistant, others: tuple[str, str]) -> None:
    talk = TALK.replace("Maya", others[0]).replace("Tom", others[1])

    completion = assistant.answer(parse(talk), Ask(settings=_GREEDY)).completion

    assert completion.answer == f"{others[1]} will book the room."
    assert talk in completion.prompt  # what is stored has the names


def test_a_stream_and_a_batch_say_the_same(assistant: Assistant) -> None:
    *pieces, last = assistant.stream(parse(TALK), Ask(settings=_GREEDY))

    assert isinstance(last, Answer)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == "Tom will book the room."
    assert last.completion.answer == "Tom will book the room."


def test_a_text_with_names_is_as_likely_as_with_tags(assistant: Assistant) -> None:
    assistant.load()
    tags = TALK.replace("Maya", "#Person1#").replace("Tom", "#Person2#")
    prompts = [_prompt(TALK).text, _prompt(tags).text]

    with_names, with_tags = score(
        assistant.engine, prompts, ["Tom will book the room.", "#Person2# will book the room."]
    ).token_log_probabilities

    assert with_names == pytest.approx(with_tags)
    assert sum(with_names) > -2


def test_a_conversation_that_does_not_fit_is_read_with_tags_part_by_part(assistant: Assistant) -> None:
    long = "\n".join(f"{'Maya' if n % 2 else 'Tom'}: {'word ' * 40}" for n in range(60))

    prompts = assistant.prompts(parse(long), Ask(settings=_GREEDY))

    assert len(prompts) > 1
    assert all(
        prompt.tokens <= prompt.budget and set(prompt.speakers.values()) == {"Maya", "Tom"} for prompt in prompts
    )


def test_the_prompt_says_who_is_read_as_what(assistant: Assistant) -> None:
    (prompt,) = assistant.prompts(parse(TALK), Ask(settings=_GREEDY))

    assert prompt.speakers == {"#Person1#": "Maya", "#Person2#": "Tom"}


def test_tags_that_are_no_texts_are_named(tagged_model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "model"
    damaged.mkdir()
    for file in tagged_model.iterdir():
        if file.is_file():
            (damaged / file.name).write_bytes(file.read_bytes())
    config = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps(config | {"speaker_tags": [1]}))

    with pytest.raises(ModelDamaged, match="speaker_tags"):
        resolve(str(damaged), Settings())
