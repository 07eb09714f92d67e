"""The words that answer are marked in their sentence, and only where they are of the kind that was asked for."""

import pytest

from knowledge.answers.followups import in_full
from knowledge.answers.kinds import kind_of
from knowledge.answers.spans import answer_span


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        (
            "When does the office open?",
            "The harbour office opens at half past seven on weekdays.",
            "at half past seven",
        ),
        ("When do they fly?", "Fine, agreed, we fly on the 13th.", "on the 13th"),
        ("In what year was the pier built?", "The pier was built in 1903 by Danish masons.", "in 1903"),
        ("When does the lease end?", "The lease ends on 30 June 2027.", "on 30 June 2027"),
        ("Who signs invoices?", "Invoices are signed by Ada Lovelace.", "Ada Lovelace"),
        ("How much does a return ticket cost?", "A return ticket costs nine euros for adults.", "nine euros"),
        ("How many weeks off do new parents get?", "New parents get 16 weeks of leave.", "16 weeks"),
        ("What percentage is withheld?", "Of the deposit 12.5 % is withheld.", "12.5 %"),
        ("Where do long boats moor?", "Boats longer than twelve metres moor at the north pier.", "at the north pier"),
        ("Where is the spare key?", "The spare key hangs behind the boiler in a tin.", "behind the boiler"),
        ("How much is a double room in high season?", "Room: Double · Low season: 70 · High season: 95", "95"),
        ("How much is a double room in low season?", "Room: Double · Low season: 70 · High season: 95", "70"),
        ("What was the gas meter reading?", "Meter: Gas · Reading: 4512 · Date: 2 March 2026", "4512"),
        ("When is the next visit?", "A repeat visit is due in two years.", "in two years"),
        ("When do they ski?", "02/01/2026, 18:10 - Nora: 7 February then", "7 February"),
        ("When was the gas meter read?", "Meter: Gas · Reading: 4512 · Date: 2 March 2026", "2 March 2026"),
        ("Who is the landlord?", "Landlord: Bo Holm", "Bo Holm"),
        ("Wann ist der Umzug?", "Der Umzug ist am 7. November.", "7. November"),
        ("¿Cuándo abre la piscina?", "La piscina abre el 3 de mayo.", "3 de mayo"),
        ("À quelle heure ouvre la piscine ?", "Elle ouvre à 10 h 30 en mai.", "10 h 30"),
        ("Combien de temps dure la garantie ?", "La batterie est garantie deux ans.", "deux ans"),
        ("¿Cuánto tiempo se hierve?", "Hervir durante veinte minutos.", "veinte minutos"),
    ],
)
def test_the_words_that_answer_are_marked(question: str, sentence: str, answer: str) -> None:
    span = answer_span(question, sentence, () if " · " in sentence or "Landlord:" in sentence else None)
    assert span is not None
    assert sentence[slice(*span)] == answer


def test_a_cell_of_a_drawn_row_is_marked_by_the_names_above() -> None:
    row, names = "| Double | 70         | 95          |", ("Room", "Low season", "High season")
    span = answer_span("How much is a double room in high season?", row, names)
    assert span is not None
    assert row[slice(*span)] == "95"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("Who signs invoices?", "they are signed in the morning."),
        ("When does Ada sign?", "Ada signs all of them."),
        ("How many boats are there?", "There are boats at the pier."),
        ("When was the treaty of 1903 signed?", "The treaty of 1903 was signed."),
        ("Why is it closed?", "It is closed since 1903."),
        ("When is the trip?", "02/01/2026, 18:03 - Nora: right, ski trip!"),
        ("Who mends the pipe?", "the pipe has been leaking since July."),
    ],
)
def test_nothing_is_marked_where_nothing_answers(question: str, sentence: str) -> None:
    assert answer_span(question, sentence) is None


def test_no_cell_is_marked_in_a_row_that_the_question_does_not_name() -> None:
    row = "Period: July · National insurance: 160.00 · Pay: 3,050.00"
    assert answer_span("How much is the national insurance?", row, ()) is None
    span = answer_span("How much is the national insurance in July?", row, ())
    assert span is not None
    assert row[slice(*span)] == "160.00"


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Can I keep a dog?", "yes or no"),
        ("Is the office open or closed?", "other"),
        ("How long did it take when it rained?", "amount"),
        ("Which city is it in?", "place"),
        ("Wann öffnet das Büro?", "time"),
        ("Why?", "other"),
    ],
)
def test_the_kind_of_a_question_is_told_by_what_stands_first(question: str, kind: str) -> None:
    assert kind_of(question) == kind


@pytest.mark.parametrize(
    ("question", "previous", "full"),
    [
        ("and on Sundays?", "When does the ferry leave on weekdays?", "When does the ferry leave on Sundays?"),
        ("And for children?", "What does a ticket cost?", "What does a ticket cost for children?"),
        ("Who signs it?", "When does the lease end?", "Who signs it (lease end)?"),
        ("When does the office open?", "When does the ferry leave?", "When does the office open?"),
        ("and on Sundays?", "", "and on Sundays?"),
    ],
)
def test_a_follow_up_takes_what_it_lacks_from_the_question_before(question: str, previous: str, full: str) -> None:
    assert in_full(question, previous) == full
