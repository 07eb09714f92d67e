"""Cuts a conversation into sentences for the digest, without bots, quotations, greetings and signatures."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assistant.digest.cues import Cues, cues_for
from assistant.digest.spans import Range, clauses, count_words, is_noise, sentences, stems, trim
from assistant.records import Dialogue, Turn

_BOT = re.compile(
    r"(?:[\w-]*bot|[\w-]*alerts?|system|jenkins|github|jira|automod|\w*[-_ ]?notifications?)", re.IGNORECASE
)
_QUOTED = "Sender"
_BARE = re.compile(r"[\W_]+")
_SAMPLE = 400
"""The number of turns sampled to detect the language."""
_PROPER = re.compile(r"(?<![.!?…]\s)(?<!^)\b[^\W\d_a-z]\w+")


@dataclass(frozen=True, slots=True)
class Clause:
    """The smallest span that can be quoted."""

    start: int
    end: int
    words: int
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A trimmed sentence. `place` is its index in the conversation; `last` marks the last one of its turn."""

    place: int
    turn: int
    speaker: str
    start: int
    end: int
    text: str
    stems: frozenset[str]
    clauses: tuple[Clause, ...]
    last: bool
    whole: str
    """The sentence untrimmed: "ok, Tuesday" agrees to something, "Tuesday" does not."""


@dataclass(frozen=True, eq=False)
class Heard:
    """The sentences of a conversation, in order."""

    turns: tuple[Turn, ...]
    speakers: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    by_turn: tuple[tuple[Sentence, ...], ...]
    cues: Cues
    names: dict[str, str]
    """Each word that occurs in only one speaker's name, in lower case, with that full name."""
    silent: frozenset[int]
    """Turns that are quotations or written by a program."""

    @cached_property
    def weights(self) -> dict[str, float]:
        """The weight of each word: high if it occurs in few turns, but more than once."""
        counts = Counter(word for turn in self.by_turn for word in {word for one in turn for word in one.stems})
        total = max(1, len(self.turns))
        return {word: math.log(1.0 + total / count) * (1.0 + 0.5 * min(3, count - 1)) for word, count in counts.items()}

    @cached_property
    def withdrawals(self) -> tuple[Sentence, ...]:
        """The sentences that withdraw something: "forget the tent"."""
        return tuple(one for one in self.sentences if self.cues.found("withdrawn", one.whole))

    @cached_property
    def passives(self) -> tuple[Sentence, ...]:
        """Statements that may report something done without saying by whom: "the boat is booked"."""
        return tuple(
            one
            for one in self.sentences
            if self.cues.found("passives", one.text) and not one.whole.rstrip().endswith("?")
        )

    @cached_property
    def reversals(self) -> frozenset[int]:
        """The turns that say something changed."""
        return frozenset(at for at, turn in enumerate(self.turns) if self.cues.found("reversal", turn.text))

    @cached_property
    def reports(self) -> dict[str, tuple[int, ...]]:
        """The turns in which each speaker reports something done."""
        found: dict[str, list[int]] = {}
        for at, turn in enumerate(self.turns):
            opens = any(self.cues.opens("done", one.text) for one in self.by_turn[at])
            if at not in self.silent and (opens or self.cues.opens("done", turn.text)):
                found.setdefault(turn.speaker, []).append(at)
        return {speaker: tuple(some) for speaker, some in found.items()}

    def stems_at(self, turn: int) -> frozenset[str]:
        """Return the content words of a turn."""
        return frozenset().union(*(one.stems for one in self.by_turn[turn]))


def hear(dialogue: Dialogue, cue_folder: Path | None = None) -> Heard:
    """Cut a dialogue into trimmed sentences, without greetings, signatures, quotations and bots."""
    cues = cues_for((turn.text for turn in _sample(dialogue.turns)), cue_folder)
    names = name_words(dialogue.speakers, cues)
    called = _called(names, cues)
    silent = frozenset(_quotations(dialogue) | {at for at, turn in enumerate(dialogue.turns) if is_bot(turn.speaker)})
    found: list[Sentence] = []
    by_turn: list[tuple[Sentence, ...]] = []
    for at, turn in enumerate(dialogue.turns):
        kept = () if at in silent else _hear_turn(turn, at, len(found), cues, names, called, dialogue.format == "mail")
        found += kept
        by_turn.append(tuple(kept))
    return Heard(dialogue.turns, dialogue.speakers, tuple(found), tuple(by_turn), cues, names, silent)


def is_bot(name: str) -> bool:
    """Whether the name is that of a program."""
    return _BOT.fullmatch(name) is not None


def name_words(speakers: Sequence[str], cues: Cues) -> dict[str, str]:
    """Return the words that identify a speaker, each with the full name."""
    found: dict[str, set[str]] = {}
    for name in speakers:
        bare = name.partition("(")[0] or name
        for word in re.findall(r"#?\w[\w'’-]*#?", bare):
            if word.lower() not in cues.words("titles") and (len(word) > 1):
                found.setdefault(word.lower(), set()).add(name)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1}


def _sample(turns: Sequence[Turn]) -> Sequence[Turn]:
    return turns[:: max(1, len(turns) // _SAMPLE)]


def _called(names: dict[str, str], cues: Cues) -> re.Pattern[str] | None:
    """Return a pattern of a form of address at the start of a sentence: "Tobias, please book it"."""
    if not names:
        return None
    titles = "|".join(sorted(map(re.escape, cues.words("titles")))) or "(?!)"
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.compile(rf"@?(?:(?:{titles})\.?\s)?(?:{words})(?=\s*[,!?.]|\s*$)", re.IGNORECASE)


def _quotations(dialogue: Dialogue) -> set[int]:
    """Return the turns of a mail thread that repeat earlier ones."""
    if dialogue.format != "mail":
        return set()
    quoted: set[int] = set()
    said = ""
    for at, turn in enumerate(dialogue.turns):
        bare = _bare(turn.text)
        parts = [part for part in map(_bare, re.split(r"(?<=[.?!:])\s", turn.text)) if part]
        repeated = sum(len(part) for part in parts if part in said) >= 0.6 * sum(map(len, parts))
        if said and bare and (turn.speaker == _QUOTED or len(bare.split()) > 3) and (bare in said or repeated):
            quoted.add(at)
        said += f" {bare} |"
    return quoted


def _bare(text: str) -> str:
    return _BARE.sub(" ", text.lower()).strip()


def _hear_turn(
    turn: Turn, at: int, place: int, cues: Cues, names: dict[str, str], called: re.Pattern[str] | None, mail: bool
) -> list[Sentence]:
    ranges = sentences(turn.text, cues)
    if mail:
        ranges = _unsigned(turn, ranges, cues, names)
    kept: list[tuple[Range, Range]] = []
    for whole in ranges:
        trimmed = trim(turn.text, *whole, cues, called)
        said = turn.text[slice(*trimmed)]
        if trimmed[0] < trimmed[1] and not is_noise(said, cues) and not _only_thanks(said, cues, names):
            kept.append((trimmed, whole))
    return [
        _sentence(turn, at, place + number, span, whole, number + 1 == len(kept), cues, called)
        for number, (span, whole) in enumerate(kept)
    ]


def _only_thanks(text: str, cues: Cues, names: dict[str, str]) -> bool:
    """Whether a sentence thanks or greets somebody by name."""
    words = text.split()
    rest = [word for word in words if word.strip(".,!?").lower() not in names]
    return len(rest) < len(words) and is_noise(" ".join(rest), cues)


def _sentence(
    turn: Turn, at: int, place: int, span: Range, whole: Range, last: bool, cues: Cues, called: re.Pattern[str] | None
) -> Sentence:
    text = turn.text[span[0] : span[1]]
    parts = [trim(turn.text, *part, cues, called) for part in clauses(turn.text, *span, cues)]
    return Sentence(
        place=place,
        turn=at,
        speaker=turn.speaker,
        start=span[0],
        end=span[1],
        text=text,
        stems=frozenset(stems(text, cues)),
        clauses=tuple(_clause(turn.text, part, cues) for part in parts if part[0] < part[1]),
        last=last,
        whole=turn.text[whole[0] : whole[1]],
    )


def _clause(text: str, span: Range, cues: Cues) -> Clause:
    piece = text[span[0] : span[1]]
    return Clause(span[0], span[1], count_words(piece), frozenset(stems(piece, cues)))


def _unsigned(turn: Turn, ranges: list[Range], cues: Cues, names: dict[str, str]) -> list[Range]:
    """Drop the signature: everything from a closing phrase on, and names or an initial at the end."""
    closing = cues.pattern("closings")
    for number, (start, end) in enumerate(ranges):
        found = closing.match(turn.text, start, end)
        if found and _is_name(turn.text[found.end() :]):
            return ranges[:number]
    while ranges and _signs(turn, turn.text[slice(*ranges[-1])], names):
        ranges = ranges[:-1]
    return ranges


def _is_name(text: str) -> bool:
    """Whether the text after a closing phrase is a name, perhaps with a title or an office."""
    words = re.findall(r"\w[\w'’-]*", text)
    return len(words) <= 6 and all(word[0].isupper() or not word[0].isalpha() for word in words[:2])


def _signs(turn: Turn, text: str, names: dict[str, str]) -> bool:
    words = re.findall(r"\w[\w'’-]*", text)
    own = [word for word in words if names.get(word.lower()) == turn.speaker]
    if " | " in text and own:
        return True
    return bool(words) and (len(own) == len(words) or (len(words) == 1 and len(words[0]) == 1 and text.endswith(".")))
