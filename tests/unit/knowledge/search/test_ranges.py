"""A number in a question is held by a range around it in the text."""

import pytest

from knowledge.search.confidence import QuestionWords
from knowledge.search.ranges import ranges_in


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("between 9 and 17 on working days", [(9, 17)]),
        ("for riders of 60 to 85 kg", [(60, 85)]),
        ("between 60 kg and 85 kg", [(60, 85)]),
        ("open 9:00-18:30", [(9, 18.5)]),
        ("de 10 h à 19 h", [(10, 19)]),
        ("zwischen 8 und 12 Uhr, danach 13 bis 16 Uhr", [(8, 12), (13, 16)]),
        ("on 2026-03-01, call 555-0142", []),
        ("9 and 17 are odd, 5 to 3 was the vote", []),
    ],
)
def test_ranges_are_read_and_dates_and_telephone_numbers_are_none(text: str, ranges: list[tuple[float, float]]) -> None:
    assert list(ranges_in(text)) == ranges


@pytest.mark.parametrize(("hour", "share"), [("9", 1.0), ("11", 1.0), ("17", 1.0), ("18", 0.5)])
def test_a_number_within_a_range_counts_as_a_word_of_the_question(hour: str, share: float) -> None:
    # Two words of the same weight; "landlord" stands in the text, the number is held by 9 to 17 or not.
    words = QuestionWords({"landlord": 1.0, hour: 1.0})
    assert words.share_in("The landlord may enter between 9 and 17 on working days.") == share
