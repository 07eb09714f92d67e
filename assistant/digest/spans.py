"""Cuts messages into sentences and clauses, and trims them. Results are ranges of characters in the message."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from assistant.digest.cues import Cues

Range = tuple[int, int]

LONG_CLAUSE = 10
"""Sentences of more words are cut into clauses."""
_LEAST_WORDS = 4
_LONGEST = 400
"""The maximum length of a sentence in characters. Longer ones are cut, so that the work grows only linearly with a
message.
"""
_SHORT = 12
_LONGEST_THANKS = 7
_DAY = re.compile(r"\b\d{1,2}\.$")
_END = re.compile(
    r"(?:(?<![.?!…؟])[.?!…؟]++[\"'”’)\]*]*(?=\s|$)|[。！？]+[」』”]*|(?<=\S)\s+(?=[-•*]\s+\S{1,80}[^-•*]{0,200}:)|\s+(?=\(\d\)\s))"
)
_BREAK = re.compile(r"(?:[;,:]|\s[-–—])\s+|[，、；]")
_PAIRS = {"*": "*", "[": "]", "<": ">"}
_EDGE = " \t,;:.-–—…*>•~。、，"
_SYMBOL = re.compile(r"[^\w\s؟¿¡'’\"“”.,;:!?()%€$£/+&#@°=–—-]+")
_WORD = re.compile(r"\w+(?:[.,:'’-]\w+)*")
_LOG = re.compile(r"(?<!\S)\S+ \| |-{4,}|={4,}|\b\d{4}-\d\d-\d\dT\d\d:|\bFilesystem\b")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def count_words(text: str) -> int:
    """Count words; in scripts without spaces, two characters count as one word."""
    wide = len(_WIDE.findall(text))
    return len(text.split()) if wide < len(text) / 3 else max(1, wide // 2)


def sentences(text: str, cues: Cues) -> list[Range]:
    """Return the sentences of a message, without surrounding white space."""
    ranges: list[Range] = []
    start = 0
    limit = log.start() if (log := _LOG.search(text)) else len(text)
    for end in (match.end() for match in _END.finditer(text, 0, limit)):
        if _abbreviated(text[start:end], text[end : end + 20].lstrip(), cues):
            continue
        ranges.append((start, end))
        start = end
    ranges.append((start, limit))
    whole = (_strip(text, *one) for one in ranges)
    return [part for one in whole for part in _bounded(text, *one) if part[0] < part[1]]


def _bounded(text: str, start: int, end: int) -> Iterator[Range]:
    """Yield pieces of at most `_LONGEST` characters, cut at the last punctuation mark or else the last space."""
    while end - start > _LONGEST:
        reach = start + _LONGEST
        marks = [match.end() for match in _BREAK.finditer(text, start, reach)]
        cut = marks[-1] if marks else text.rfind(" ", start, reach) + 1 or reach
        yield _strip(text, start, cut)
        start = cut
    yield _strip(text, start, end)


def clauses(text: str, start: int, end: int, cues: Cues) -> list[Range]:
    """Return the clauses of a sentence: the whole if it is short, else cut at punctuation and conjunctions."""
    if count_words(text[start:end]) <= LONG_CLAUSE:
        return [(start, end)]
    cuts = [match.end() for match in _BREAK.finditer(text, start, end)]
    joiners = cues.pattern("joiners").finditer(text, start, end)
    cuts += [one.start() for one in joiners if not cues.opens("persons", text[one.end() : end].lstrip())]
    ranges: list[Range] = []
    first = start
    for cut in sorted(set(cuts)):
        if count_words(text[first:cut]) >= _LEAST_WORDS and count_words(text[cut:end]) >= _LEAST_WORDS:
            ranges.append((first, cut))
            first = cut
    return [_strip(text, *one) for one in (*ranges, (first, end))]


def trim(text: str, start: int, end: int, cues: Cues, names: re.Pattern[str] | None = None) -> Range:
    """Trim greetings, fillers, forms of address and punctuation from both ends; the range is empty if nothing else is
    left.
    """
    before = None
    while before != (start, end) and start < end:
        before = (start, end)
        if direction := _direction(cues).match(text, start, end):
            start = direction.end()
        while start < end and (text[start] in _EDGE or _SYMBOL.match(text[start])) and not _kept(text, start, end):
            start += 1
        for pattern, marked in ((cues.pattern("fillers"), False), (cues.pattern("openers"), True), (names, True)):
            found = pattern.match(text, start, end) if pattern else None
            if found and _may_go(text, found.end(), end, marked, cues):
                start = found.end()
        if found := _salutation(cues).match(text, start, end):
            start = found.end()
        while start < end and (text[end - 1] in " ,;:-–—*" or _SYMBOL.match(text[end - 1])):
            if text[end - 1] in _PAIRS.values() and _paired(text, start, end):
                break
            end -= 1
        end = _trim_end(text, start, end, cues)
    return (start, end)


@cache
def _salutation(cues: Cues) -> re.Pattern[str]:
    """Return a pattern of "Dear Mr. Okafor," with up to three names."""
    return re.compile(
        rf"(?:{cues.pattern('salutations').pattern})\s+(?-i:[^\W\d_a-zà-ÿ][\w.'’-]*\s?){{1,3}}(?=[,!])", re.IGNORECASE
    )


@cache
def _direction(cues: Cues) -> re.Pattern[str]:
    """Return a pattern of stage directions: "*sighs*", "(laughs loudly)"."""
    phrase = cues.pattern("directions").pattern
    opening, closing = r"(?:[*(\[]|<\w{1,6}>)+", r"(?:[*)\]]|</\w{1,6}>)+"
    return re.compile(rf"{opening}(?:{phrase})[^*)\]<\d]{{0,20}}{closing}\s*", re.IGNORECASE)


def _kept(text: str, at: int, end: int) -> bool:
    """Whether a mark belongs to a number ("-1", ".5") or has its closing mark in the range ("*Friday* at nine")."""
    if text[at] in "-." and text[at + 1 : at + 2].isdigit():
        return True
    closing = _PAIRS.get(text[at])
    return closing is not None and not text[at + 1 : at + 2].isspace() and closing in text[at + 1 : end]


def _paired(text: str, start: int, end: int) -> bool:
    """Whether the mark at the end closes an earlier one."""
    closing = text[end - 1]
    if closing == "*":
        return text.count(closing, start, end) % 2 == 0
    opening = next(first for first, last in _PAIRS.items() if last == closing)
    return text.count(opening, start, end) == text.count(closing, start, end)


def _may_go(text: str, at: int, end: int, marked: bool, cues: Cues) -> bool:
    """Whether the rest can stand alone without an opening word: "so" goes, but "so many" and "right now" stay."""
    rest = text[at:end]
    if not rest or rest[0] in ",.!?:;…" or rest.lstrip()[:1] in ("-", "–", "—"):
        return True
    return not marked and rest[0] == " " and not cues.opens("bound", rest.lstrip())


def _trim_end(text: str, start: int, end: int, cues: Cues) -> int:
    marks = len(text[start:end]) - len(text[start:end].rstrip(".!?… "))
    bare = end - marks
    for name in ("end_fillers", "end_tags"):
        for found in cues.pattern(name).finditer(text, start, bare):
            if found.end() == bare and found.start() > start and _parted(text, found.start(), name == "end_tags"):
                return found.start()
    return end


def _parted(text: str, at: int, marked: bool) -> bool:
    """Whether a word at the end is set off: by a comma or full stop if `marked`, else a space is enough."""
    before = text[:at].rstrip(" ")
    return before[-1:] in (",", ".", "…") if marked else text[at - 1] in " ,."


def is_noise(text: str, cues: Cues) -> bool:
    """Whether a sentence says nothing: thanks, a lone symbol, a line of a log, a URL."""
    words = _WORD.findall(text)
    if not words or (len(words) == 1 and len(words[0]) < 2 and not words[0].isdigit()):
        return True
    if _LOG.search(text) or "http://" in text or "https://" in text:
        return True
    if _titled(cues).fullmatch(text.strip(_EDGE + "!?")):
        return True
    if cues.opens("thanks_for", text) and len(words) <= _LONGEST_THANKS and not any(map(str.isdigit, text)):
        return True
    if any(map(str.isdigit, text)) and len(text) < _SHORT:
        return False
    letters = sum(sign.isalnum() or sign.isspace() for sign in text)
    return letters < 0.7 * len(text) or cues.pattern("thanks").fullmatch(text.strip(_EDGE + "!")) is not None


@cache
def _titled(cues: Cues) -> re.Pattern[str]:
    """Return a pattern of names with titles, alone: "Mr. and Mrs. Petrov"."""
    titles = "|".join(sorted(map(re.escape, cues.words("titles")))) or "(?!)"
    return re.compile(
        rf"(?:(?:{titles})\.?\s(?:(?:and|&)\s(?:{titles})\.?\s)?[^\W\d_][\w'’-]*\s?){{1,2}}", re.IGNORECASE
    )


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a rough, language-independent stem of a word."""
    word = word.lower().removesuffix("'s").removesuffix("’s")
    if len(word) > 4 and word.endswith(("s", "e")):
        word = word.rstrip("se") if len(word.rstrip("se")) > 2 else word
    if any(sign.isdigit() for sign in word):
        return word
    return word[:5] if len(word) > 5 else word


def stems(text: str, cues: Cues) -> tuple[str, ...]:
    """Return the stems of the content words; bigrams of characters for scripts without spaces."""
    common = cues.words("common")
    found: list[str] = []
    for word in _WORD.findall(text):
        if _WIDE.search(word):
            found += [word[at : at + 2] for at in range(max(1, len(word) - 1))]
        elif word.lower() not in common and (len(word) > 1 or word.isdigit()):
            found.append(stem(word))
    return tuple(found)


def _abbreviated(text: str, behind: str, cues: Cues) -> bool:
    """Whether the full stop at the end belongs to an abbreviation, an initial or a day ("3. Mai")."""
    if not text.endswith("."):
        return False
    if _DAY.search(text) and cues.opens("months", behind):
        return True
    last = text[:-1].split()[-1:] or [""]
    word = last[0].lstrip("(\"'").lower()
    return word in cues.words("abbreviations") or (
        len(word) == 1 and word.isalpha() and last[0].isupper() and word != "i" and len(text.split()) > 1
    )


def _strip(text: str, start: int, end: int) -> Range:
    piece = text[start:end]
    return (start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip()))
