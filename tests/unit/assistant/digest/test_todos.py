import pytest

from assistant.digest import Todo, make_digest
from tests.unit.assistant.digest.talks import talk


def _todos(*lines: str, format: str = "names") -> tuple[Todo, ...]:
    return make_digest(talk(*lines, format=format), words=120).todos


def _short(*lines: str) -> list[tuple[str, str, str]]:
    return [(todo.who, todo.what, todo.when) for todo in _todos(*lines)]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("Ana: I'll send the report on Friday.", "Ben: Good."), [("Ana", "send the report", "on Friday")]),
        (("Ana: Can you book the hall?", "Ben: Sure."), [("Ben", "book the hall", "")]),
        (
            ("Ana: Can you book the hall?", "Ben: yes, today on the train"),
            [("Ben", "book the hall", "today")],
        ),
        (("Ana: Ben raise the limit before Monday", "Cleo: good"), [("Ben", "raise the limit", "before Monday")]),
        (("Ana: Who can bring chairs?", "Ben: no idea", "Cleo: me"), [("Cleo", "bring chairs", "")]),
        (("Ana: I could ask the library.", "Ben: Please do, by Tuesday."), [("Ana", "ask the library", "by Tuesday")]),
    ],
)
def test_pledges_accepted_requests_and_assignments_have_an_owner(
    lines: tuple[str, ...], wanted: list[tuple[str, str, str]]
) -> None:
    # In the fourth case Ben doesn't speak: he is named, in a conversation that he takes part in elsewhere.
    speaks = ("Ben: hello everybody here", *lines) if "raise" in lines[0] else lines
    assert _short(*speaks) == wanted


@pytest.mark.parametrize(
    "lines",
    [
        ("Ana: Can you book the hall?", "Ben: No, I can't."),
        ("Ana: Can you book the hall?", "Ben: Done!"),
        ("Ana: I'll bring the big tent.", "Ben: great", "Ana: forget the tent, they have cabins"),
        ("Ana: I'll order the pump.", "Ben: thanks", "Ana: The pump is ordered.", "Ana: ordered the pump today"),
    ],
)
def test_what_is_declined_withdrawn_or_done_is_no_todo(lines: tuple[str, ...]) -> None:
    assert not _short(*lines)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        # "do it before ten" only says when, and whose it is was said before.
        (
            ("Ana: I'll warn the finance team.", "Ben: Thanks, please do it before ten."),
            [("Ana", "warn the finance team", "before ten")],
        ),
        (
            ("Ana: I still have to fix the date picker.", "Ben: Is that needed?", "Ana: Yes. You'll have it today."),
            [("Ana", "fix the date picker", "today")],
        ),
        # To grill is a verb, and "the grill" a thing: nothing has to be explained.
        (("Ana: The van is 80 euros.", "Ben: Who brings the grill?", "Cy: I do."), [("Cy", "bring the grill", "")]),
        (
            ("Ana: Who tells the customers?", "Ben: I'll write to them as soon as we've decided."),
            [("Ben", "tell the customers", "as soon as we've decided")],
        ),
        (
            ("Ana: I need the password of the backup server.", "Ben: I'll send it to you right after this."),
            [("Ben", "send it to you (the password of the backup server)", "right after this")],
        ),
    ],
)
def test_what_is_said_of_a_todo_later_belongs_to_it(lines: tuple[str, ...], wanted: list[tuple[str, str, str]]) -> None:
    assert _short(*lines) == wanted


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (("Ana: Can you send the form?", "Ben: Sure, I'll send it by Friday."), ("Ben", "send the form", "by Friday")),
        (("Ana: Can you send the form?", "Ben: Sure, you'll have it by three."), ("Ben", "send the form", "by three")),
        (
            ("Ana: Can you send the form?", "Ben: Sure.", "Ben: I'll send it on Monday"),
            ("Ben", "send the form", "on Monday"),
        ),
        (
            ("Ana: Can you call the plumber today?", "Ben: I'll call him tomorrow."),
            ("Ben", "call the plumber", "tomorrow"),
        ),
        (("Ana: Can you pick me up?", "Ben: sure, at the station"), ("Ben", "pick me up", "at the station")),
        (("Ana: Could you cut the grass?", "Ben: Yes, if it's dry."), ("Ben", "cut the grass", "if it's dry")),
        (
            ("Ana: Please book the hall, Ben.", "Ben: Will do, once we agree."),
            ("Ben", "book the hall", "once we agree"),
        ),
        (("Ana: I can lend you Ole.", "Ben: Thanks. I'll phone him today."), ("Ana", "lend you Ole", "")),
        (("Ana: If the pump stops, call Ben.", "Cleo: ok"), ("Cleo", "call Ben", "If the pump stops")),
        (
            ("Ana: Please order the paper cups.", "Ben: Will order two boxes today."),
            ("Ben", "order the paper cups", "today"),
        ),
    ],
)
def test_who_takes_it_on_may_add_a_time_a_place_or_a_condition(
    lines: tuple[str, ...], wanted: tuple[str, str, str]
) -> None:
    assert _short(*lines)[0] == wanted


@pytest.mark.parametrize(
    "lines",
    [
        ("Ana: I'll book the boat.", "Ben: Good.", "Ana: The boat is booked."),
        ("Ana: Can you lend us the speaker?", "Ben: yes", "Ana: never mind the speaker"),
        ("Ana: I bring everything?!", "Ben: haha"),
        ("Ana: Who brings what on Saturday?", "Ben: no idea"),
        ("Ana: Would you do it all again?", "Ben: Yes, but I'd start with the support team. I'd test before Easter."),
    ],
)
def test_what_is_reported_withdrawn_or_only_wondered_at_is_no_todo(lines: tuple[str, ...]) -> None:
    assert not _short(*lines)


def test_a_proposal_put_as_would_you_is_a_request() -> None:
    assert _short("Ana: Would you send the invitations?", "Ben: I'd send the invitations on Monday.") == [
        ("Ben", "send the invitations", "on Monday")
    ]


def test_another_amount_is_no_acceptance() -> None:
    asked = "Ana: Can you sell the rye for 670?"
    assert "670" not in str(_short(asked, "Ben: I can sell the rye for 680."))
    assert _short(asked, "Ben: I can, for 670.")[0][:2] == ("Ben", "sell the rye for 670")


def test_a_to_do_ends_before_a_name_called_and_before_another_clause() -> None:
    assert _short("Ana: Can you write the letter Ben?", "Ben: sure") == [("Ben", "write the letter", "")]
    assert _short("Ana: Can you call Cleo?", "Ben: sure", "Cleo: hi") == [("Ben", "call Cleo", "")]
    assert _short("Ana: I'll ask the club on Thursday, my card is valid.") == [("Ana", "ask the club", "on Thursday")]
    assert _short("Ana: I'll bring the tent, the stove and the mats.")[0][1] == "bring the tent, the stove and the mats"


def test_it_is_what_the_accepted_question_or_whoever_asks_speaks_of() -> None:
    (todo,) = _todos(
        "Ben: 340 failed checkouts according to the logs",
        "Ana: can we have a check in CI that the pool has at least thirty connections?",
        "Ben: yes, I'll add it tomorrow",
    )
    assert todo.what.startswith("add it (can we have a check in CI")
    (todo,) = _todos(
        "Ben: Already stopped the spironolactone.",
        "Ana: I'm at a wedding on the night of the storm drill. Could someone take it?",
        "Ben: I can take it.",
    )
    assert "wedding" in todo.what


def test_an_offer_to_begin_and_what_somebody_can_see_are_no_todos() -> None:
    assert not _short(
        "Ana: Quick round, then we look at Friday's release.",
        "Ben: Morning. I can start.",
        "Ana: Go ahead. I can reproduce the error with long names.",
    )


def test_what_it_means_is_told_by_the_words_before() -> None:
    (todo,) = _todos("Ana: the hut at Steinfeld has nine bunks", "Ben: then book it!!", "Ana: ok doing it tonight")
    assert (todo.who, todo.when) == ("Ana", "tonight")
    assert "book it" in todo.what
    assert "Steinfeld" in todo.what


def test_a_date_is_absolute_where_the_conversation_has_one() -> None:
    # 11 September 2024 was a Wednesday, so the Friday behind it was the 13th.
    dated = _todos("Ana @Wed, 11 Sep 2024 15:40: I'll send the report on Friday.", "Ben @Wed, 11 Sep 2024 15:41: Good.")
    assert [todo.date for todo in dated] == ["2024-09-13"]
    undated = _todos("Ana @15:40: I'll send the report on Friday.", "Ben @15:41: Good.")
    assert [todo.date for todo in undated] == [""]


def test_the_order_of_day_and_month_is_told_by_the_times_themselves() -> None:
    # 13 can only be a day, so these are days first: 5 March, and the Friday behind it is the 8th (of 2024).
    todos = _todos("Ana @05/03/2024, 09:00: I'll pay on Friday.", "Ben @13/03/2024, 09:00: fine by me")
    assert [todo.date for todo in todos] == ["2024-03-08"]


@pytest.mark.parametrize(
    ("first", "last", "date"),
    [
        ("05/03/2024, 09:00", "05/03/2024, 09:30", ""),  # 5 March or 3 May: nothing tells
        ("05/03/2024, 9:00 AM", "05/03/2024, 9:30 AM", "2024-05-04"),  # who writes AM writes the month first
        ("05.03.2024, 09:00", "05.03.2024, 09:30", "2024-03-06"),  # who writes dots writes the day first
        ("05/03/2024, 09:00", "13/03/2024, 09:00", "2024-03-06"),  # there is no month 13
        ("05/03/2024, 09:00", "03/13/2024, 09:00", "2024-05-04"),
        ("30/04/2024, 09:00", "05/03/2024, 09:00", "2024-05-01"),
        ("05/03/2024, 09:00", "04/04/2024, 09:00", "2024-03-06"),  # 3 May is not before 4 April
        ("05/03/2024, 09:00", "05/02/2024, 09:00", ""),  # neither order keeps them in time
    ],
)
def test_a_date_that_may_be_read_in_two_ways_is_none_unless_something_tells(first: str, last: str, date: str) -> None:
    todos = _todos(f"Ana @{first}: I'll call the plumber tomorrow.", f"Ben @{last}: fine by me")
    assert [todo.date for todo in todos] == [date]
