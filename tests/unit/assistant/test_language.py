"""The language of a conversation, and words that no language has."""

import pytest

from assistant.scoring.faithfulness.support import Evidence
from assistant.scoring.language import language_name, language_of
from assistant.scoring.vocabulary import invented_words


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "sooo are we still doing the lake thing? yes!! i already asked for the friday off"),
        ("de", "Kannst du morgen die Kinder abholen? Klar, ich bin um vier Uhr an der Schule."),
        ("es", "¿Puedes recoger a los niños mañana? Claro, estoy a las cuatro en la escuela."),
        ("fr", "Tu peux chercher les enfants demain ? Oui, je suis à quatre heures devant l'école."),
        (
            "ja",
            "明日子どもたちを迎えに行けますか。はい、四時に学校の前にいます。ありがとうございます。助かります。お願いします。",
        ),
        ("ar", "هل يمكنك إحضار الأطفال غدا؟ نعم، سأكون أمام المدرسة في الساعة الرابعة"),
    ],
)
def test_a_language_is_told(code: str, text: str) -> None:
    assert language_of(text) == code


def test_a_short_text_is_not_judged() -> None:
    assert language_of("ok, bis morgen") is None


def test_a_language_has_a_name() -> None:
    assert (language_name("de"), language_name("xx")) == ("German", "xx")


def test_invented_words_are_found_and_words_of_dictionary_or_conversation_are_not() -> None:
    evidence = Evidence.of("Ana: the pod was oomkilled again. Ben: rerun it w/ the teh flag")
    text = "He asks about the lasquar of the dasvorie; it was oomkilled at 5 o'clock, and they don't rerun it."
    assert invented_words(text, evidence) == ("lasquar", "dasvorie")


def test_british_spelling_is_no_invention() -> None:
    assert invented_words("She organised a colourful theatre visit at the harbour.", Evidence.of("")) == ()


def test_names_are_left_to_the_check_of_names() -> None:
    assert invented_words("Zorblax asks #Person1# about Quuxville.", Evidence.of("")) == ()
