"""Who said what: how far the people that a text names fit what each of them said.

Every time a text names a speaker, the words behind the name (up to the next name or the end of the sentence) are held
against that speaker's turns and against the others'. What such a match means depends on the words beside the name: who
"asks" said it himself, who "is told" did not. Those words are the keys that a head has weights for.
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
"""Words that join others and mean little by themselves."""
Roles = dict[str, float]
MEASURES = ("own", "sentence", "opens", "asks")
"""What is measured of each mention; `own` and `sentence` are matches less the others' matches, -1 to 1, `opens` tells
whether the person spoke first (1) or not (-1), `asks` whose turns hold more questions, -1 to 1."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A conversation by speaker: the words of each, weighed down by how many turns hold them."""

    words: Mapping[str, frozenset[str]]
    weight: Mapping[str, float]
    first: str
    questions: Mapping[str, float]

    @property
    def speakers(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(self.words)


@dataclass(frozen=True, slots=True)
class Claim:
    """A speaker named in a text: the words before and behind the name, and the words that are said of the person."""

    speaker: str
    before: str
    behind: str
    own: tuple[str, ...]
    sentence: tuple[str, ...]


def turns_in(conversation: str) -> list[tuple[str, str]]:
    """(speaker, words) of each line that has the shape of a turn."""
    return [(match[1], match[2]) for match in _TURN.finditer(conversation)]


@lru_cache(maxsize=256)
def hear(conversation: str) -> Heard:
    """Read a conversation once; many texts can then be held against it."""
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
    """Every mention of a speaker, in order."""
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
    """Measures by key, added up over the text: `wants|own` is how much better what is said behind "X wants" fits X's
    turns than the others'. Empty where the text names no speaker or the conversation has only one.
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
    """The weight of the words that the speaker said, less that of those another said, over that of all."""
    known = [(stem, heard.weight[stem]) for stem in set(stems) if stem in heard.weight]
    total = sum(weight for _, weight in known)
    if not total:
        return 0.0
    own = sum(weight for stem, weight in known if stem in heard.words[speaker])
    most = max(sum(weight for stem, weight in known if stem in heard.words[other]) for other in others)
    return (own - most) / total


@lru_cache(maxsize=256)
def _names_of(speakers: tuple[str, ...]) -> dict[str, str]:
    """What a speaker may be called by: the whole label where it is one word, else its first word."""
    names: dict[str, str] = {}
    for speaker in speakers:
        tokens = _WORD.findall(speaker)
        if tokens:
            names.setdefault(_bare(tokens[0]), speaker)
    return names


def _key(token: str, names: Mapping[str, str]) -> str:
    """A word beside a name; another name is only that, whoever it is."""
    return "@" if _bare(token) in names else token.lower()


def _bare(token: str) -> str:
    return re.sub(r"['’]s?$", "", token).lower()


def named_in(text: str, speakers: Sequence[str]) -> frozenset[str]:
    """The speakers that a text names."""
    names = _names_of(tuple(speakers))
    return frozenset(names[bare] for token in _WORD.findall(text) if (bare := _bare(token)) in names)


def sentences(text: str) -> list[str]:
    """The text's sentences and lines."""
    return [part for part in _SENTENCE.split(text) if part.strip()]


def content_stems(text: str) -> list[str]:
    """Words that mean something, without their endings."""
    return [_stem(word) for word in (token.lower() for token in _WORD.findall(text)) if word not in COMMON]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
