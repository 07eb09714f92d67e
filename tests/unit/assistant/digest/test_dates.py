"""Days of a month that are named without their month."""

import pytest

from assistant.digest import make_digest
from assistant.marking import day_of
from tests.unit.assistant.digest.talks import talk

_SAID = {
    "en": "I have the list for the office and will send it to you when the room is free.",
    "de": "Ich habe die Liste für das Büro und schicke sie dir, wenn der Raum frei ist.",
    "es": "Tengo la lista para la oficina y te la mando cuando el cuarto esté libre, que no lo está.",
    "fr": "J'ai la liste pour le bureau et je te l'envoie quand la salle est libre, ce qui n'est pas le cas.",
}


# All said on Monday 15 April 2024. The next 12th is in May, the next 31st too (April has 30 days), the next 15th not
# the day itself.
@pytest.mark.parametrize(
    ("language", "when", "day"),
    [
        ("en", "by the 12th", "2024-05-12"),
        ("en", "on the 1st", "2024-05-01"),
        ("en", "the 31st", "2024-05-31"),
        ("en", "on the 15th", "2024-05-15"),
        ("en", "on Saturday the 20th", "2024-04-20"),
        ("en", "the 12th at 10:30", "2024-05-12"),
        ("en", "on the twelfth", "2024-05-12"),
        ("en", "12th of March", "2025-03-12"),
        ("en", "the 12th of next month", ""),
        ("en", "the 32nd", ""),
        ("en", "at 12", ""),
        ("en", "by three", ""),
        ("en", "by three on Friday", "2024-04-19"),
        ("en", "tomorrow at nine", "2024-04-16"),
        ("de", "am 12.", "2024-05-12"),
        ("de", "am 12. März", "2025-03-12"),
        ("de", "am zwölften", "2024-05-12"),
        ("de", "um 12", ""),
        ("de", "morgen um drei", "2024-04-16"),
        ("es", "el 12", "2024-05-12"),
        ("es", "el 12 de marzo", "2025-03-12"),
        ("es", "a las 12", ""),
        ("fr", "le 12", "2024-05-12"),
        ("fr", "le 1er", "2024-05-01"),
        ("fr", "le 12 mars", "2025-03-12"),
    ],
)
def test_a_day_without_its_month_is_the_next_one(language: str, when: str, day: str) -> None:
    said = talk(f"Ana @2024-04-15 10:00: {_SAID[language]}")
    assert day_of(said, 0, when) == day


def test_the_31st_after_a_short_month_and_a_long_year() -> None:
    # After 31 August there is no 31 September; after 31 January no 31 February.
    for said, day in (("2024-08-31", "2024-10-31"), ("2025-01-31", "2025-03-31"), ("2024-12-31", "2025-01-31")):
        assert day_of(talk(f"Ana @{said} 10:00: {_SAID['en']}"), 0, "by the 31st") == day


@pytest.mark.parametrize(
    ("before", "pledged", "when"),
    [
        ("The room costs 120 euros.", "I'll send the invoice by the 12th.", "by the 12th"),
        ("Der Raum kostet 120 Euro und die Rechnung fehlt noch.", "Ich schicke die Rechnung am 12.", "am 12"),
    ],
)
def test_a_to_do_has_the_day(before: str, pledged: str, when: str) -> None:
    (todo,) = make_digest(talk(f"Ana @2024-04-15 10:00: {before}", f"Tom @2024-04-15 10:05: {pledged}")).todos
    assert (todo.when, todo.date) == (when, "2024-05-12")
