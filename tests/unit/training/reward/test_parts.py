import pytest

from assistant.errors import UsageError
from training.reward.parts import PARTS, RewardTerm, built_in, parse_terms, weighted

SETTINGS = {"length": "4", "mentions": "room", "contains": "o"}


@pytest.mark.usefixtures("minilm")
@pytest.mark.parametrize("name", PARTS)
def test_every_part_gives_a_number_for_every_response(name: str) -> None:
    reward = built_in([RewardTerm(name, setting=SETTINGS.get(name, ""))])
    scores = reward(["Tom books the room."] * 3, ["Tom books the room.", "", "no no no no"])[name]
    assert len(scores) == 3 and all(isinstance(score, float) for score in scores)


def test_names_and_numbers_that_the_prompt_lacks_are_counted() -> None:
    reward = built_in(parse_terms(["-1*unsupported"]))
    found = reward(["Tom: I'll pay the 20 dollars."] * 2, ["Tom pays 20 dollars.", "Today Tom and Ana pay 30 dollars."])
    # Ana and 30.
    assert found["unsupported"] == [0.0, 2.0]


def test_coverage_pays_what_says_more_of_what_matters() -> None:
    reward = built_in(parse_terms(["coverage"]))
    prompts = ["Maya: The boiler is broken.\nTom: I'll call Mr Okafor on Monday."] * 2
    more, less = reward(prompts, ["The boiler is broken and Tom will call Mr Okafor on Monday.", "They talk."])[
        "coverage"
    ]
    assert more > 0.9 and less == 0.0


def test_copying_is_of_the_response_and_empty_is_nothing_but_space() -> None:
    reward = built_in(parse_terms(["copying", "empty"]))
    found = reward(["Tom: I will bring the ladder today."] * 2, ["I will bring the", " \n"])
    # All of the response's one run of four words stands in the prompt, which has four such runs.
    assert found["copying"] == [1.0, 0.0] and found["empty"] == [0.0, 1.0]


def test_terms_are_read_with_weight_and_setting() -> None:
    assert parse_terms(["length:20", " -2 * repetition", "0.5*mentions: thank you "]) == [
        RewardTerm("length", 1.0, "20"),
        RewardTerm("repetition", -2.0, ""),
        RewardTerm("mentions", 0.5, "thank you"),
    ]


@pytest.mark.parametrize("text", ["", "2*", "1.2.3*length:4", "-", "Length 20", "nan*length:3"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the reward"):
        parse_terms([text])


def test_a_part_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_terms(["length:3", "2*length:4"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kindness", "unknown reward part 'kindness'; there are human"),
        ("length", "number of words"),
        ("length:0", "number of words"),
        ("mentions", "mentions:PHRASE"),
        ("repetition:3", "takes no setting"),
    ],
)
def test_a_part_with_the_wrong_setting_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        built_in(parse_terms([text]))


def test_no_reward_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="name at least one reward part"):
        built_in([])


def test_parts_are_weighted_and_added_up() -> None:
    # 1 * 1 - 2 * 0.5 = 0, and 1 * 3 - 2 * 0 = 3; the part without a weight of its own adds 10 and 20.
    terms = [RewardTerm("a", 1.0), RewardTerm("b", -2.0)]
    assert weighted({"a": [1.0, 3.0], "b": [0.5, 0.0], "c": [10.0, 20.0]}, terms, 2) == [10.0, 23.0]


def test_a_part_with_too_few_scores_is_refused() -> None:
    with pytest.raises(UsageError, match="1 scores for 2 responses"):
        weighted({"a": [1.0]}, [], 2)
