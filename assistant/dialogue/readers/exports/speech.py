"""Reads the output of speech services: words or phrases, each with the number or label of its speaker."""

from collections.abc import Iterable, Mapping

from assistant.dialogue.readers.exports.values import Json, Row, rows_in, text_of
from assistant.dialogue.readers.messages import Message, reading_of
from assistant.dialogue.turns import NARRATOR, Reading

_UNSPACED = ".,;:?!%…。、？！"


def read_speech(value: Json) -> Reading | None:
    """Read a recording as Google, Amazon, Azure or ElevenLabs return it, with one turn per run of a speaker's words."""
    if not isinstance(value, Mapping):
        return None
    if phrases := rows_in(value, "recognizedPhrases"):
        return reading_of((_phrase(phrase) for phrase in phrases if phrase.get("nBest")), {}, "Azure Speech")
    results = value.get("results")
    if isinstance(results, Mapping) and any("alternatives" in item for item in rows_in(results, "items")):
        words = [(_speaker(item, "speaker_label"), _best(item, "content")) for item in rows_in(results, "items")]
        return reading_of(_joined(words), {}, "Amazon Transcribe")
    if any("speaker_id" in word for word in rows_in(value, "words")):
        said = ((_speaker(word, "speaker_id"), text_of(word.get("text")).strip()) for word in rows_in(value, "words"))
        return reading_of(_joined(pair for pair in said if pair[1]), {}, "ElevenLabs")
    return _read_google(rows_in(value, "results"))


def _read_google(results: list[Row]) -> Reading | None:
    """Read Google's results: the last repeats every word with its speaker; if it names none, each result is a turn."""
    alternatives = rows_in(results[-1], "alternatives") if results else []
    words = rows_in(alternatives[0], "words") if alternatives else []
    if not any("speakerTag" in word or "speakerLabel" in word for word in words):
        texts = [_best(result, "transcript") for result in results]
        return reading_of((Message(speaker=NARRATOR, text=text) for text in texts), {}, "Google Speech-to-Text")
    said = ((_speaker(word, "speakerTag", "speakerLabel"), text_of(word.get("word"))) for word in words)
    return reading_of(_joined(said), {}, "Google Speech-to-Text")


def _joined(words: Iterable[tuple[str, str]]) -> Iterable[Message]:
    """Join words into messages by speaker; punctuation without a speaker belongs to the word before it."""
    speaker, said = "", ""
    for name, word in words:
        if said and name and name != speaker:
            yield Message(speaker=speaker, text=said)
            said = ""
        speaker = name or speaker
        said += word if not said or word[:1] in _UNSPACED else f" {word}"
    if said:
        yield Message(speaker=speaker, text=said)


def _phrase(phrase: Row) -> Message:
    return Message(
        speaker=_speaker(phrase, "speaker"), text=_best(phrase, "display", "nBest"), time=text_of(phrase.get("offset"))
    )


def _best(row: Row, key: str, among: str = "alternatives") -> str:
    likeliest = rows_in(row, among)
    return text_of(likeliest[0].get(key)) if likeliest else ""


def _speaker(row: Row, *keys: str) -> str:
    value = next((row[key] for key in keys if row.get(key) is not None), "")
    return f"Speaker {value}" if isinstance(value, int) else text_of(value)
