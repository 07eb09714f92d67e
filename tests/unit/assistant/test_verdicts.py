"""What is said of each sentence of a written text, by a hand-made conversation."""

from assistant.dialogue import parse
from assistant.records import Dialogue, Turn
from assistant.scoring.faithfulness.attribution import attribute
from assistant.scoring.faithfulness.verdicts import Verdict, verdicts

STANDUP = parse(
    "Maya: Morning. The review moves to Friday, is that fine for everybody?\n"
    "Tom: Fine by me. I'll book the big room.\n"
    "Ana: I can send the numbers before noon.\n"
    "Tom: How was the weekend?"
)


def judged(text: str) -> tuple[Verdict, ...]:
    return verdicts(text, STANDUP, attribute(text, STANDUP))


def test_a_sentence_that_was_said_comes_with_its_message_and_the_words_in_it() -> None:
    first, second = judged("The review moves to Friday. Tom books the big room.")
    assert first.sentence == "said in message 1: “The review moves to Friday, is that fine for everybody?”"
    assert second.sentence == "said in message 2: “I'll book the big room.”"
    assert first.is_sure and second.is_sure


def test_one_word_of_several_is_said_in_part() -> None:
    (verdict,) = judged("The numbers show heavy losses, falling sales and angry customers.")
    assert verdict.sentence == "partly said in message 3: “I can send the numbers before noon.”"
    assert not verdict.is_sure


def test_a_name_or_number_that_nobody_said_makes_it_partly_so() -> None:
    (verdict,) = judged("Tom books the big room in Paris at 5 pm.")
    assert verdict.found == "partly"
    assert verdict.sentence.endswith("not in the conversation: Paris, 5")


def test_what_nobody_said_is_not_found() -> None:
    (verdict,) = judged("Zoltan flies away.")
    assert verdict.sentence == "not found · not in the conversation: Zoltan"
    assert verdict.message is None


def test_another_s_deed_says_check_who() -> None:
    (verdict,) = judged("Ana books the big room.")
    assert verdict.sentence == "partly said in message 2: “I'll book the big room.” · check who: Ana, or Tom?"


def test_check_who_names_nobody_twice() -> None:
    (verdict,) = judged("Ana books the big room and Tom sends the numbers before noon.")
    assert verdict.sentence.endswith("“I can send the numbers before noon.” · check who: Ana?")


def test_a_long_quote_is_cut_and_no_escape_of_the_conversation_is_repeated() -> None:
    said = f"The boiler \x1b[31mbroke {'again ' * 60}today."
    long = Dialogue(turns=(Turn(speaker="Al", text=said), Turn(speaker="Bo", text="I see.")), format="names")
    (verdict,) = verdicts("The boiler broke again today.", long, attribute("The boiler broke again today.", long))
    assert len(verdict.quote) <= 120 and verdict.quote.endswith("…") and "\x1b" not in verdict.quote
