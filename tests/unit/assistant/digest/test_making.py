import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.digest import LEFT_OUT, Digest, make_digest, render
from assistant.digest.hearing import hear
from assistant.records import Dialogue, Turn
from tests.unit.assistant.digest.talks import talk

_SAID = st.text(
    st.sampled_from("aeinorst ELM 0123456789.,;:?!'-…#|\n") | st.characters(exclude_categories=["Cs", "Cc"]),
    max_size=120,
)
_PHRASES = st.sampled_from(
    [
        "Can you send the report by Friday?",
        "ok, will do",
        "haha lol",
        "Let's meet at 14:00 on 3 May instead, the room costs 40 euros and holds ninety people in all.",
        "I'll call the plumber tomorrow, because the kitchen is under water again; it was dry on Monday",
        "明日は会議があります。資料を送ってください。",
        "forget it",
        "no, wait: not Friday, Saturday",
    ]
)
_TURNS = st.lists(
    st.builds(Turn, speaker=st.sampled_from(["Ana", "Ben", "Mr. Cole"]), text=st.one_of(_SAID, _PHRASES)), max_size=12
)


def _words(digest: Digest) -> int:
    lines = [f"{point.speaker} {point.text}" for point in (*digest.points, *digest.open)]
    lines += [f"{todo.who} {todo.what} {todo.when}" for todo in digest.todos]
    return sum(len(line.split()) for line in lines)


@settings(max_examples=200, deadline=None)
@given(_TURNS, st.integers(5, 80))
def test_every_piece_of_a_point_stands_in_its_message_where_the_point_says(turns: list[Turn], words: int) -> None:
    dialogue = Dialogue(turns=tuple(turns), format="names")
    digest = make_digest(dialogue, words=words)
    for point in (*digest.points, *digest.open):
        turn = dialogue.turns[point.turn]
        assert point.speaker == turn.speaker
        said = turn.text[point.start : point.end]
        at = 0
        for piece in point.text.split(f" {LEFT_OUT} "):
            at = said.find(piece, at)
            assert at >= 0, (piece, said)
            at += len(piece)
    for todo in digest.todos:
        assert todo.text in dialogue.turns[todo.turn].text


@settings(max_examples=100, deadline=None)
@given(_TURNS, st.integers(5, 80))
def test_a_digest_has_no_more_words_than_asked_for(turns: list[Turn], words: int) -> None:
    assert _words(make_digest(Dialogue(turns=tuple(turns), format="names"), words=words)) <= 1.1 * words


def test_points_come_in_the_order_of_the_conversation_and_no_more_than_asked_for() -> None:
    dialogue = talk(
        "Ana: The launch moves to 14 May because the printer in Leeds is broken.",
        "Ben: The budget is 4,000 euros now.",
        "Ana: Marta found a second printer in York for 900.",
        "Ben: The posters are 60 by 90 cm.",
    )
    digest = make_digest(dialogue, words=100, points=2)
    assert len(digest.points) == 2
    assert [point.turn for point in digest.points] == sorted(point.turn for point in digest.points)


def test_nothing_said_gives_an_empty_digest() -> None:
    assert make_digest(talk("Ana: thanks!", "Ben: bye")) == Digest()
    assert render(Digest()) == ""


def test_greetings_and_fillers_are_cut_from_what_is_quoted() -> None:
    digest = make_digest(talk("Ana: Hi all! ok so the museum closes at 17:00 on Sundays lol", "Ben: thanks"))
    assert [point.text for point in digest.points] == ["the museum closes at 17:00 on Sundays"]


def test_thanks_for_something_are_not_quoted() -> None:
    digest = make_digest(talk("Ana: Thanks for the quote. The rye costs 710 a tonne.", "Ben: Thanks for the 2 tickets"))
    assert [point.text for point in digest.points] == ["The rye costs 710 a tonne.", "Thanks for the 2 tickets"]


def test_a_clause_about_them_is_not_cut_from_what_says_who() -> None:
    said = "I sent the whole list of the orders to support so they can mail people about the refund"
    (sentence,) = hear(talk(f"Ana: {said}")).sentences
    assert len(sentence.clauses) == 1


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("*sighs* Fine. The deposit is 300 euros.", "The deposit is 300 euros."),
        ("(laughs loudly) the deposit is 300 euros", "the deposit is 300 euros"),
        ("[inaudible] <i>nods</i> the deposit is 300 euros", "the deposit is 300 euros"),
        ("*Friday* at nine, not [Old] Mill *sharp*", "*Friday* at nine, not [Old] Mill *sharp*"),
        ("**Decision:** the deposit is 300 euros", "**Decision:** the deposit is 300 euros"),
        ("*from the mill at six", "from the mill at six"),
    ],
)
def test_stage_directions_are_cut_and_signs_stay_in_pairs(said: str, quoted: str) -> None:
    assert [point.text for point in make_digest(talk(f"Ana: {said}", "Ben: *nods*")).points] == [quoted]


def test_what_a_to_do_says_is_not_quoted_as_well() -> None:
    digest = make_digest(talk("Ana: I bake the cake.", "Ben: The hall costs 90 euros."), words=40)
    assert [todo.what for todo in digest.todos] == ["bake the cake"]
    assert [point.turn for point in digest.points] == [1]


def test_a_focus_brings_what_is_about_it() -> None:
    dialogue = talk(
        "Ana: The hotel costs 84 euros a night and has 12 rooms.",
        "Ben: Our train leaves at 8:15 from platform 4 on Friday.",
        "Ana: The concert tickets are 30 each.",
        "Ben: Dinner is at Luigi's at 19:30.",
    )
    assert make_digest(dialogue, words=14, focus="concert").points[0].turn == 2


def test_a_digest_is_written_as_lines_and_as_markdown() -> None:
    digest = make_digest(talk("Ana: Can you send the contract by Friday?", "Ben: Yes, will do."))
    assert "To do\n  Ben · send the contract · by Friday" in render(digest)
    assert "## To do\n- [ ] Ben · send the contract · by Friday" in render(digest, "markdown")


def test_what_points_back_with_hardly_a_word_of_its_own_comes_with_what_it_points_at() -> None:
    dialogue = talk(
        "Ana: Anything?", "Leila: The password of the backup server is missing. Only Owen has it.", "Ana: Ok."
    )
    for words in range(6, 20):
        digest = make_digest(dialogue, words=words, weights={"bias": 0.0})
        assert all("password" in point.text for point in digest.points if "Only Owen" in point.text)


def test_an_answer_to_a_question_without_words_of_its_own_comes_with_what_is_asked_about() -> None:
    dialogue = talk(
        "Owen: Two customers wrote that their PDF reports come out empty.",
        "Tomas: Since when?",
        "Owen: Since Monday's update.",
        "Tomas: Ok.",
    )
    quoted = [[point.turn for point in make_digest(dialogue, words=words).points] for words in range(4, 30)]
    assert [0, 2] in quoted
    assert all(0 in turns for turns in quoted if 2 in turns)


@pytest.mark.parametrize("piece", ["a", "1", "."])
def test_a_message_that_repeats_one_thing_would_not_come_back_from_a_pattern_that_backtracks(piece: str) -> None:
    long = piece * 100_000
    turns = (Turn(speaker="Ana", text=f"We need clay{long}x by Friday."), Turn(speaker="Ben", text="I will order it."))
    assert [todo.who for todo in make_digest(Dialogue(turns=turns, format="names")).todos][-1:] == ["Ben"]
