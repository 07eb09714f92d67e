"""Measures who said what: how well the people named in a text match what each of them said.

For every mention of a speaker, the words after the name (up to the next name or the end of the sentence) are compared
with that speaker's turns and with the others'. The meaning of a match depends on the adjacent words: whoever "asks"
said it, but whoever "is told" did not. Those words are the keys for which a head has weights.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TURN = re.compile(r"^[ \t]*(#?\w[^:\n]{0,38}?)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE)
_WORD = re.compile(r"#\w+#|\w+(?:['’]\w+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_ENDINGS = ("ing", "ies", "ed", "es", "s", "ly", "er", "e", "y")
_COMMON_WORDS = """
a an the and or but if so to of in on at for with from by as is are was were be been am do does did have has
had i you he she it we they me him her us them my your his its our their this that these those there here not
no yes will would can could should shall may might must what who when where why how which about then than just
also too very well oh ok okay please up out all some any one it's i'm i'll you're don't that's
"""
COMMON = frozenset(_COMMON_WORDS.split())
"""Function words, which mean little by themselves."""
Roles = dict[str, float]
MEASURES = ("own", "sentence", "opens", "asks")
"""The measures of each mention. `own` and `sentence` are matches minus the others' matches, -1 to 1; `opens` is 1 if
the person spoke first, else -1; `asks` compares the share of questions, -1 to 1.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """A conversation by speaker: each one's stems, the weight of each stem (1 / the number of turns with it), the first
    speaker, and each one's share of the questions.
    """

    words: Mapping[str, frozenset[str]]
    weight: Mapping[str, float]
    first: str
    questions: Mapping[str, float]

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers in order of appearance."""
        return tuple(self.words)


@dataclass(frozen=True, slots=True)
class Claim:
    """A mention of a speaker in a text: the words before and after the name, and the stems said about the person."""

    speaker: str
    before: str
    behind: str
    own: tuple[str, ...]
    sentence: tuple[str, ...]


def turns_in(conversation: str) -> list[tuple[str, str]]:
    """Return (speaker, words) of each line shaped like a turn."""
    return [(match[1], match[2]) for match in _TURN.finditer(conversation)]


@lru_cache(maxsize=256)
def hear(conversation: str) -> Heard:
    """Read a conversation, cached for use with many texts."""
    turns = turns_in(conversation)
    words: dict[str, set[str]] = {}
    holds: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for speaker, said in turns:
        stems = set(content_stems(said))
        words.setdefault(speaker, set()).update(stems)
        holds.update(stems)
        asked[speaker] += said.count("?")
    total = sum(asked.values()) or 1
    return Heard(
        words={speaker: frozenset(stems) for speaker, stems in words.items()},
        weight={stem: 1.0 / count for stem, count in holds.items()},
        first=turns[0][0] if turns else "",
        questions={speaker: asked[speaker] / total for speaker in words},
    )


def claims(text: str, speakers: Sequence[str]) -> Iterator[Claim]:
    """Yield every mention of a speaker, in order."""
    names = _names_of(tuple(speakers))
    if not names:
        return
    for sentence in sentences(text):
        tokens = _WORD.findall(sentence)
        places = [place for place, token in enumerate(tokens) if _bare(token) in names]
        whole = tuple(content_stems(" ".join(token for token in tokens if _bare(token) not in names)))
        for place, following in zip(places, [*places, len(tokens)][1:], strict=True):
            yield Claim(
                speaker=names[_bare(tokens[place])],
                before=_key(tokens[place - 1], names) if place else "",
                behind=_key(tokens[place + 1], names) if place + 1 < len(tokens) else "",
                own=tuple(content_stems(" ".join(tokens[place + 1 : following]))),
                sentence=whole,
            )


def role_features(text: str, conversation: str) -> Roles:
    """Return the measures by key, summed over the text: `wants|own` is how much better the words after "X wants" match
    X's turns than the others'. Empty if the text names no speaker or the conversation has only one.
    """
    heard = hear(conversation)
    found: Roles = defaultdict(float)
    if len(heard.words) < 2:
        return found
    for claim in claims(text, heard.speakers):
        measured = _measure(claim, heard)
        for key in (f"{claim.behind}>", f"<{claim.before}", "any"):
            for name, value in zip(MEASURES, measured, strict=True):
                found[f"{key}|{name}"] += value
    return found


def _measure(claim: Claim, heard: Heard) -> tuple[float, float, float, float]:
    others = [speaker for speaker in heard.words if speaker != claim.speaker]
    asks = heard.questions[claim.speaker] - max(heard.questions[other] for other in others)
    return (
        _fit(claim.own, claim.speaker, others, heard),
        _fit(claim.sentence, claim.speaker, others, heard),
        1.0 if claim.speaker == heard.first else -1.0,
        asks,
    )


def _fit(stems: Sequence[str], speaker: str, others: Sequence[str], heard: Heard) -> float:
    """Return the weight of the stems the speaker said, minus that of the best other speaker, over the total."""
    known = [(stem, heard.weight[stem]) for stem in set(stems) if stem in heard.weight]
    total = sum(weight for _, weight in known)
    if not total:
        return 0.0
    own = sum(weight for stem, weight in known if stem in heard.words[speaker])
    most = max(sum(weight for stem, weight in known if stem in heard.words[other]) for other in others)
    return (own - most) / total


@lru_cache(maxsize=256)
def _names_of(speakers: tuple[str, ...]) -> dict[str, str]:
    """Return the first word of each speaker's name, in lower case, with the full name."""
    names: dict[str, str] = {}
    for speaker in speakers:
        tokens = _WORD.findall(speaker)
        if tokens:
            names.setdefault(_bare(tokens[0]), speaker)
    return names


def _key(token: str, names: Mapping[str, str]) -> str:
    """Return the key of a word next to a name; any other name is "@"."""
    return "@" if _bare(token) in names else token.lower()


def _bare(token: str) -> str:
    return re.sub(r"['’]s?$", "", token).lower()


def named_in(text: str, speakers: Sequence[str]) -> frozenset[str]:
    """Return the speakers named in a text."""
    names = _names_of(tuple(speakers))
    return frozenset(names[bare] for token in _WORD.findall(text) if (bare := _bare(token)) in names)


def sentences(text: str) -> list[str]:
    """Return the text's sentences and lines."""
    return [part for part in _SENTENCE.split(text) if part.strip()]


def content_stems(text: str) -> list[str]:
    """Return the stems of the content words."""
    return [_stem(word) for word in (token.lower() for token in _WORD.findall(text)) if word not in COMMON]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
