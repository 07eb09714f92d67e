import pytest

from assistant.digest import Digest, make_digest
from assistant.digest.hearing import hear
from assistant.digest.replies import renewed, replaced
from tests.unit.assistant.digest.talks import talk


def _decisions(digest: Digest) -> list[int]:
    return [point.turn for point in digest.points if point.kind == "decision"]


def test_what_was_agreed_is_a_decision() -> None:
    digest = make_digest(talk("Ana: We take the blue van for 90 euros.", "Ben: agreed"), words=40)
    assert _decisions(digest) == [0]


def test_a_decision_that_is_overturned_is_not_shown() -> None:
    digest = make_digest(
        talk(
            "Ana: we take the Old Mill for the dinner",
            "Ben: perfect",
            "Cleo: bad news, the Mill has no lift and Mr. Kern uses a wheelchair",
            "Ana: ok, we take Hotel Baltic for 74 a head",
            "Ben: agreed",
        ),
        words=60,
    )
    assert _decisions(digest) == [3]
    assert 0 not in [point.turn for point in digest.points]


def test_a_day_that_is_denied_later_is_not_shown() -> None:
    digest = make_digest(
        talk(
            "Ana: the van comes on saturday at 9",
            "Ben: ok",
            "Ana: the landlord needs the keys, so the van comes on FRIDAY at 15:00, not saturday",
        ),
        words=40,
    )
    assert [point.turn for point in digest.points] == [2]


@pytest.mark.parametrize("said", ["I'm off Thursday. Friday?", "Thursday won't work for me, Friday would."])
def test_a_day_on_which_somebody_cannot_come_is_no_longer_proposed(said: str) -> None:
    asked = "Ana: Is the review on Thursday at 10 in room 4?"
    heard = hear(talk(asked, f"Ben: {said}", "Ana: Friday 10 then", "Ben: The clinic opens on Thursday."))
    assert replaced(heard) == {0}, "the clinic is another matter, and no question"


def test_another_amount_about_something_else_does_not_replace_the_first() -> None:
    rent, other = "Ana: The landlord raises the rent to 1,450.", "Ben: Our savings are 1,280 now."
    assert renewed(hear(talk(rent, other, "Cleo: ok"))) == frozenset()
    assert renewed(hear(talk(rent, "Ben: The rent is 1,280 now.", "Cleo: ok"))) == {0}


def test_the_last_offer_counts_more_than_the_one_before() -> None:
    digest = make_digest(
        talk(
            "Agent: I can credit 15 euros on the next bill.",
            "Guest: make it 20",
            "Agent: I've put 20 euros through on the next bill.",
        ),
        words=11,
    )
    assert [point.turn for point in digest.points] == [2]


def test_quoted_text_signatures_and_bots_are_never_points() -> None:
    mail = talk(
        "Ana Lima @Mon, 9 Sep 2024 09:12: Dear Ben, the hall costs 400 euros on 3 May. Best, Ana",
        "Ben Roth @Mon, 9 Sep 2024 10:12: Fine with me, book it for 400. Ben",
        "Sender: the hall costs 400 euros on 3 May.",
        "Ben Roth @Mon, 9 Sep 2024 10:12: Ben Roth | Roth Research | on the ice until Friday",
        format="mail",
    )
    digest = make_digest(mail, words=80)
    assert {point.turn for point in digest.points} <= {0, 1}
    assert not any("Best" in point.text or point.text.endswith("Ben") for point in digest.points)
    chat = talk("alertbot: CRIT disk 97% on db-main-1", "Ana: the disk of db-main-1 is full, 310 GB of logs")
    assert [point.turn for point in make_digest(chat, words=40).points] == [1]


def test_a_question_that_nobody_answers_is_open() -> None:
    digest = make_digest(
        talk(
            "Ana: What does the new boiler cost?",
            "Ben: 2,300 with the pump.",
            "Ana: Has anybody seen the blue folder with the plans?",
            "Ben: no idea",
        ),
        words=80,
    )
    assert [question.turn for question in digest.open] == [2]


def test_a_request_on_the_list_of_to_dos_is_no_open_question() -> None:
    digest = make_digest(
        talk("Ben: The inspector comes on Monday at nine.", "Ana: Could you send me the new allergen sheet?"), words=120
    )
    assert ([todo.what for todo in digest.todos], digest.open) == (["send me the new allergen sheet"], ())


def test_a_short_answer_comes_with_its_question() -> None:
    digest = make_digest(
        talk("Ana: When does the last ferry to Inishmore leave?", "Ben: at 17:30", "Ana: perfect"), words=40
    )
    assert [point.turn for point in digest.points] == [0, 1]
