"""Which turns a sentence rests on, by hand-made conversations."""

from assistant.dialogue import parse
from assistant.scoring.faithfulness.attribution import attribute, sentences

STANDUP = parse(
    "Maya: The review moves to Friday, is that fine for everybody?\n"
    "Tom: Fine by me. I'll book the big room.\n"
    "Ana: I can send the numbers before noon.\n"
    "Tom: How was the weekend?"
)


def rested(text: str) -> list[tuple[int, ...]]:
    return [ground.turns for ground in attribute(text, STANDUP)]


def test_each_sentence_rests_on_the_turns_that_say_it() -> None:
    text = "Maya moves the review to Friday. Tom books the room. Ana sends the numbers."
    assert rested(text) == [(0,), (1,), (2,)]


def test_a_sentence_may_rest_on_several_turns() -> None:
    assert rested("The review is on Friday, Tom books the room and Ana has the numbers.") == [(0, 1, 2)]


def test_what_nobody_said_rests_on_nothing_and_its_names_and_numbers_are_flagged() -> None:
    (ground,) = attribute("Zoltan flies to Paris at 5 pm.", STANDUP)
    assert ground.turns == ()
    assert [mention.text for mention in ground.unsupported] == ["Zoltan", "Paris", "5"]


def test_flags_stand_where_the_words_stand_in_the_whole_text() -> None:
    text = "Tom books the room. He flies to Paris."
    _, ground = attribute(text, STANDUP)
    (mention,) = ground.unsupported
    assert text[mention.start : mention.end] == "Paris"


def test_a_speaker_who_is_said_to_do_what_another_said_is_doubted() -> None:
    (wrong,) = attribute("Ana books the big room.", STANDUP)
    assert wrong.role is not None
    assert wrong.role.text == "Ana"
    (right,) = attribute("Tom books the big room.", STANDUP)
    assert right.role is None
    (both,) = attribute("Ana and Tom book the big room.", STANDUP)
    assert both.role is None, "two who do it together are not taken apart"


def test_a_turn_that_means_the_same_in_other_words_is_found() -> None:
    def similar(texts: object, turns: object) -> list[list[float]]:
        return [[0.0, 0.0, 0.0, 1.0]]

    (ground,) = attribute("They rested well on Saturday.", STANDUP, similar)
    assert ground.turns == (3,)


def test_meaning_does_not_overrule_the_words_and_unrelated_turns_are_not_near() -> None:
    def similar(texts: object, turns: object) -> list[list[float]]:
        # 0.5 * (0.5 - 0.3) = 0.1 for the weekend and 0 for the rest: less than the least share.
        return [[0.3, 0.2, 0.3, 0.5]]

    assert attribute("Zoltan flies to Paris.", STANDUP, similar)[0].turns == ()
    assert attribute("Tom books the big room.", STANDUP, similar)[0].turns == (1,)


def test_where_meanings_are_compared_a_further_turn_must_add_a_fair_share() -> None:
    def unlike(texts: object, turns: object) -> list[list[float]]:
        return [[0.0] * 4]

    # "book", "big" and "room" are Tom's, "review" is Maya's, seven words nobody's: of 4 * ln 5 + 7 * ln 5 / 2 her turn
    # adds ln 5, or 0.13.
    text = "Tom books the big room, brings coffee, cake, chairs, water, pens and cups for the review."
    assert rested(text) == [(0, 1)]
    assert attribute(text, STANDUP, unlike)[0].turns == (1,)


def test_sentences_end_at_their_dots_and_not_at_those_of_titles_and_numbers() -> None:
    text = 'Mr. Smith pays 4.50 today. "Really?" asks J. Doe.\nNew line without a dot'
    assert [text[start:end] for start, end in sentences(text)] == [
        "Mr. Smith pays 4.50 today.",
        '"Really?" asks J. Doe.',
        "New line without a dot",
    ]


def test_an_empty_text_and_a_conversation_of_one_turn_are_no_trouble() -> None:
    assert attribute("", STANDUP) == ()
    assert [ground.turns for ground in attribute("Hello.", parse("Al: Hello there."))] == [(0,)]
