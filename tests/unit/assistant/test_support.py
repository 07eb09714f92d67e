"""Which names and numbers of a summary its conversation contains."""

import pytest

from assistant.scoring.faithfulness.support import Evidence, mentions, unsupported
from assistant.scoring.numbers import number_mentions, numbers_said

DIALOGUE = """Tom: Hi Mary, dinner at half past seven on Sat? I'll bring two bottles.
Mary: Sure. The place on O'Neill Street takes 10, 000 guests a year, ha ha. It costs 12 dollars 50 cents.
Tom: My wife's from China. Seven thirty then, and 18 would be too early."""


def missing(text: str, source: str = DIALOGUE) -> list[str]:
    return [mention.text for mention in unsupported(text, source)]


@pytest.mark.parametrize(
    "text",
    [
        "Tom and Mary will have dinner.",
        "Mary's husband? No, Tom's wife is Chinese.",
        "They meet at 7:30 on Saturday.",
        "They meet at 7.30 p.m.",
        "6 pm would be too early.",
        "Tom brings 2 bottles.",
        "The place takes ten thousand guests, or 10,000.",
        "It costs $12.5 or $12.50.",
        "People who eat there like O'Neill street.",
        "Both come. Despite everything, they talk about one dinner.",
        "Talking helps. Bottles are heavy.",
        "Tom eats at 7 PM, They drink, and Mr. Tom pays.",
    ],
)
def test_what_the_conversation_says_is_supported_however_it_is_written(text: str) -> None:
    assert missing(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom and Anna will have dinner.", ["Anna"]),
        ("Anna's wife is from China.", ["Anna"]),
        ("Tom brings 3 bottles.", ["3"]),
        ("Tom brings three bottles.", ["three"]),
        ("They meet at 8:30.", ["8:30"]),
        ("They meet at 7:15 on Sunday.", ["7:15", "Sunday"]),
        ("It takes 10,500 guests.", ["10,500"]),
        ("His wife is Japanese.", ["Japanese"]),
        ("#Person1# meets Tom.", ["#Person1#"]),
        ("James comes too.", ["James"]),
    ],
)
def test_what_the_conversation_does_not_say_is_named(text: str, expected: list[str]) -> None:
    assert missing(text) == expected


def test_a_speaker_tag_is_a_name_and_no_number() -> None:
    assert missing("#Person1# asks #Person2# for 2 bottles.", "#Person1#: Hi.\n#Person2#: Two bottles.") == []
    assert missing("#Person3# has 1 bottle, #Person1# has 2.", "#Person1#: Hi.") == ["#Person3#", "2"]
    assert missing("It costs 2.", "#Person2#: Hi.") == ["2"]


def test_a_common_word_that_opens_a_sentence_is_no_name_but_is_one_in_the_middle() -> None:
    assert missing('He waits. Students wait. "Money is short."', "Ann: Hm.") == []
    assert missing("Ann met Money there.", "Ann: Hm.") == ["Money"]


def test_mentions_tell_where_they_stand() -> None:
    text = "On Monday #Person1# paid 1,000 to Ann's aunt."
    assert [(m.kind, text[m.start : m.end]) for m in mentions(text)] == [
        ("name", "Monday"),
        ("name", "#Person1#"),
        ("number", "1,000"),
        ("name", "Ann"),
    ]


def test_evidence_is_read_once_for_many_texts() -> None:
    evidence = Evidence.of(DIALOGUE)
    assert unsupported("Tom calls Mary.", evidence) == ()
    assert [mention.text for mention in unsupported("Tom calls Zoe.", evidence)] == ["Zoe"]


def test_an_empty_text_claims_nothing_and_an_empty_source_supports_nothing() -> None:
    assert missing("") == []
    assert missing("Ann has 5.", "") == ["Ann", "5"]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("twenty-five", {"25"}),
        ("two hundred and five", {"205"}),
        ("a hundred", {"100"}),
        ("3.5 million", {"3500000"}),
        ("five thousand three hundred and twelve", {"5312"}),
        ("nineteen ninety-nine", {"1999"}),
        ("seven thirty", {"7:30"}),
        ("the 22nd", {"22"}),
        ("the twenty-second of", {"22"}),
        ("the third", {"3"}),
        ("17:00", {"17:00", "5:00", "17", "5"}),
        ("5 pm", {"5", "17"}),
        ("7.30", {"7.3", "7:30"}),
        ("1,234,567", {"1234567"}),
        ("one", set()),
        ("first", set()),
        ("the 1st", set()),
    ],
)
def test_a_number_has_one_value_in_digits_and_in_words(text: str, keys: set[str]) -> None:
    found = number_mentions(text)
    assert len(found) == bool(keys)
    assert set().union(*(number.keys for number in found)) == keys


def test_numbers_apart_are_not_added_up() -> None:
    assert [set(n.keys) for n in number_mentions("two, three and four")] == [{"2"}, {"3"}, {"4"}]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("half past six", "6:30"),
        ("quarter to six", "5:45"),
        ("ten to one", "12:50"),
        ("20 minutes after 3", "3:20"),
        ("an hour", "1"),
        ("a couple of days", "2"),
        ("a dozen", "12"),
        ("35 mil", "35000000"),
        ("seven thirty", "7"),
    ],
)
def test_a_source_says_a_number_in_many_ways(text: str, key: str) -> None:
    assert key in numbers_said(text)
