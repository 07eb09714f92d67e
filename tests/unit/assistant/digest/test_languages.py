from pathlib import Path

import pytest

from assistant.digest import Digest, make_digest
from assistant.digest.hearing import hear
from assistant.digest.replies import replaced
from assistant.errors import InputUnreadable
from tests.unit.assistant.digest.talks import talk


def _todos(digest: Digest) -> list[tuple[str, str, str]]:
    return [(todo.who, todo.what, todo.when) for todo in digest.todos]


def test_german() -> None:
    digest = make_digest(
        talk(
            "Jana: Hallo zusammen, das Sommerfest ist am Samstag, dem 6. Juli, im Stadtpark.",
            "Jana: Murat, kannst du bitte das Fleisch bestellen?",
            "Murat: Ja, mache ich.",
            "Lena: Schlechte Nachrichten: der Stadtpark ist gesperrt.",
            "Jana: Ok, wir nehmen den Garten von meinen Eltern.",
            "Murat: Einverstanden.",
            "Lena: Wer hat eigentlich die Musikbox?",
        ),
        words=80,
    )
    assert ("Murat", "das Fleisch bestellen", "") in _todos(digest)
    assert [point.turn for point in digest.points if point.kind == "decision"] == [4]
    assert [question.turn for question in digest.open] == [6]
    assert any("dem 6. Juli, im Stadtpark" in point.text for point in digest.points)


def test_a_day_that_does_not_suit_is_no_proposal_in_german() -> None:
    dialogue = talk(
        "Jana: Passt euch die Probe am Donnerstag um zehn in der Aula?",
        "Murat: Donnerstag kann ich nicht. Lieber am Freitag um elf?",
        "Jana: Einverstanden, dann Freitag um elf.",
    )
    assert replaced(hear(dialogue)) == {0}


def test_spanish() -> None:
    digest = make_digest(
        talk(
            "Lucía: Hola a todos, la reunión con el cliente es el jueves 12 de marzo.",
            "Lucía: Mateo, ¿puedes enviar el presupuesto antes del martes?",
            "Mateo: Sí.",
            "Inés: El cliente pide un descuento del 5 por ciento.",
            "Lucía: Cambio de planes, quedamos el viernes 13.",
        ),
        words=80,
    )
    assert _todos(digest) == [("Mateo", "enviar el presupuesto", "antes del martes")]
    assert [point.turn for point in digest.points if point.kind == "decision"] == [4]


def test_french() -> None:
    digest = make_digest(
        talk(
            "Camille: Bonjour à tous, le déménagement est le samedi 14 septembre.",
            "Camille: Hugo, peux-tu réserver la camionnette avant vendredi ?",
            "Hugo: Oui, je m'en occupe.",
            "Léa: je peux préparer le repas",
            "Camille: Mauvaise nouvelle, la camionnette est prise, on décale au dimanche 15.",
        ),
        words=80,
    )
    assert _todos(digest) == [("Hugo", "réserver la camionnette", "avant vendredi"), ("Léa", "préparer le repas", "")]
    assert [point.turn for point in digest.points if point.kind == "decision"] == [4]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("来週の会議は6月12日の午後3時からです。", "展示会のブースは20万円で予約できました。"),
        ("الاجتماع يوم الخميس الساعة 10 صباحا.", "الميزانية 4500 دولار هذا الشهر."),
    ],
)
def test_without_cue_words_sentences_are_still_chosen(first: str, second: str) -> None:
    digest = make_digest(talk(f"A: {first}", f"B: {second}"), words=40)
    assert [point.turn for point in digest.points] == [0, 1]
    assert digest.title


def test_a_user_s_table_adds_to_the_bundled_one(tmp_path: Path) -> None:
    dialogue = talk("Ana: The boat leaves at 9.", "Ben: I pledge to polish the brass tomorrow.")
    assert not make_digest(dialogue, words=60).todos
    (tmp_path / "en.toml").write_text('commitments = ["i pledge to"]\ntasks = ["polish"]\n', encoding="utf-8")
    assert _todos(make_digest(dialogue, words=60, cue_folder=tmp_path)) == [("Ben", "polish the brass", "tomorrow")]


@pytest.mark.parametrize("text", ["common = [", "common = 5", "common = [3]"])
def test_a_table_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "xx.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputUnreadable, match=r"xx\.toml"):
        make_digest(talk("Ana: The boat leaves at 9."), cue_folder=tmp_path)
