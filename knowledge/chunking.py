"""Splits a document into passages along its structure: headings, paragraphs, sentences. Sizes are in the embedder's
tokens.

A section with its heading starts a new passage unless the previous section is very small. A long section is split into
passages of about equal size, at the end of a paragraph if one is near, and the last sentence of each is repeated at the
start of the next. No passage crosses a page, a place or the edge of a table row.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from knowledge.documents import Document, HeadingPaths, Passage

Span = tuple[int, int]
CountTokens = Callable[[Sequence[str]], list[int]]

SMALL_SECTION = 48
"""A section of fewer tokens shares its passage with the next: alone it is hardly more than a heading."""
BARE_HEADING = 12
"""A section of fewer tokens is a heading with nothing under it, and always joins the next."""
MOST_CHARACTERS_A_TOKEN = 8
"""The maximum characters per allowed token of a passage; English has 4 to 5. It limits encoded data, which a tokenizer
may read as a single unknown word of a megabyte.
"""

# A full stop, question or exclamation mark with closing marks and a space, or the end of a line.
_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|[。！？]|\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Fig|Figs|Eq|Sec|Ch|vs|etc|cf|e\.g|i\.e|approx|Inc|Ltd|Co|Jr|Sr|al|pp|Vol|Art)"
    r"|\b[A-Z])\.$"
)
# "am 12. Oktober", "zum 3. Werktag", "den 4. juli": the stop after an ordinal ends no sentence.
_COUNTED = re.compile(r"(\b(?:zum|zur|vom|beim|im|der|dem|den|des) )?\b\d{1,2}\.$", re.IGNORECASE)
_MONTH_OR_SMALL = re.compile(r"[ \t]+(?:(?:Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)|[a-zß-ÿ])")
_STAMP = r"\d[\d/.-]{5,9}(?:,? |T)\d{1,2}[:.]\d\d"  # of a message or a log line: "02/01/2026, 18:33"
_MARKER = re.compile(rf"[ \t]*(?:[-*+•]|\d+[.)]|[#>|\[]|[\w .'-]{{1,30}}: |{_STAMP})")
_WRAPPED_AT = 45
_SHORT_LINE = 20
_GOES_ON = re.compile(r"[ \t]{0,8}[a-z]+[ ,.]")
_UNENDED = re.compile(r"[^\W_] ?,?[ \t]*$")


class _Sentence(msgspec.Struct, frozen=True):
    start: int
    end: int
    tokens: int
    ends_paragraph: bool


def chunk(document: Document, count_tokens: CountTokens, budget: int) -> list[Passage]:
    """Return the document's passages in order, each of at most `budget` tokens. Passages without letters and digits,
    such as a line of asterisks, are left out.
    """
    groups = _groups(document, count_tokens, budget)
    paths = HeadingPaths(document.headings)
    passages = [_passage(document, paths, sentences) for group in groups for sentences in _pack(group, budget)]
    return [passage for passage in passages if any(map(str.isalnum, passage.text))]


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Return the spans of the sentences between two offsets, without surrounding white space."""
    end = len(text) if end is None else end
    spans: list[Span] = []
    begin = start
    for found in _END.finditer(text, start, end):
        if not _ends_sentence(text, found, begin):
            continue
        spans += _trimmed(text, begin, found.end())
        begin = found.end()
    return spans + _trimmed(text, begin, end)


def windows(sentences: Sequence[Span], size: int = 3, stride: int = 2) -> list[Span]:
    """Return the spans of windows of `size` sentences; the last one reaches the end."""
    if len(sentences) <= size:
        return [(sentences[0][0], sentences[-1][1])] if sentences else []
    firsts = list(range(0, len(sentences) - size + 1, stride))
    if firsts[-1] + size < len(sentences):
        firsts.append(len(sentences) - size)
    return [(sentences[first][0], sentences[first + size - 1][1]) for first in firsts]


def _ends_sentence(text: str, found: re.Match[str], begin: int) -> bool:
    if found[0] != "\n":
        # Only the word before the stop: searching from the sentence's start would take quadratic time.
        before = max(begin, found.start() - 12)
        return not _ABBREVIATION.search(text, before, found.end()) and not _counts(text, before, found.end())
    # The whole line, not only the part after its last full stop: "…thrown in. Or just use" is wrapped too.
    line = text.rfind("\n", 0, found.start()) + 1
    following = text[found.end() : found.end() + 40]
    if _MARKER.match(following):
        return True
    length = found.start() - line
    wrapped = length >= _WRAPPED_AT and following[:1].strip()
    # A short or indented line of prose that continues in lower case: "follow these" and, below it, "instructions."
    goes_on = length >= _SHORT_LINE and _GOES_ON.match(following) and _UNENDED.search(text, line, found.start())
    return not (wrapped or goes_on)


def _counts(text: str, start: int, end: int) -> bool:
    number = _COUNTED.search(text, start, end)
    return number is not None and bool(number[1] or _MONTH_OR_SMALL.match(text, end))


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    part = text[start:end]
    inner = part.strip()
    if not inner:
        return []
    start += len(part) - len(part.lstrip())
    return [(start, start + len(inner))]


def _groups(document: Document, count_tokens: CountTokens, budget: int) -> list[list[_Sentence]]:
    """Group sentences by section, small sections with the next."""
    starts = {heading.start for heading in document.headings} | {0, *document.page_starts}
    starts |= {place.start for place in document.places} | {edge for row in document.rows for edge in row}
    rows = {start for start, _ in document.rows}
    cuts = [*sorted(start for start in starts if start < len(document.text)), len(document.text)]
    groups: list[list[_Sentence]] = []
    before = 0
    for start, end in pairwise(cuts):
        spans = _lines(document.text, start, end) if start in rows else sentence_spans(document.text, start, end)
        sentences = _measured(document.text, spans, count_tokens, budget)
        tokens = sum(sentence.tokens for sentence in sentences)
        if not sentences:
            continue
        # A passage is on one page, so that its citation names the right one.
        if start in rows and groups and _is_heading(document, groups[-1]):
            groups.pop()  # each row repeats its headings, which alone answer nothing
        together = bool(groups) and start not in rows and _goes_together(document, groups[-1][0].start, start)
        if together and (before < BARE_HEADING or (before < SMALL_SECTION and before + tokens <= budget)):
            groups[-1] += sentences
            tokens += before
        else:
            groups.append(sentences)
        before = budget if start in rows else tokens
    return groups


def _is_heading(document: Document, group: list[_Sentence]) -> bool:
    start = group[0].start
    return len(group) == 1 and document.starts_heading(start) and not document.is_row(start)


def _goes_together(document: Document, first: int, second: int) -> bool:
    same_page = document.page_at(first) == document.page_at(second)
    return same_page and document.place_at(first) == document.place_at(second)


def _lines(text: str, start: int, end: int) -> list[Span]:
    spans: list[Span] = []
    for line in text[start:end].splitlines(keepends=True):
        spans += _trimmed(text, start, start + len(line))
        start += len(line)
    return spans


def _measured(text: str, spans: list[Span], count_tokens: CountTokens, budget: int) -> list[_Sentence]:
    """Count the sentences' tokens; one that exceeds the budget is cut into parts that fit."""
    most = budget * MOST_CHARACTERS_A_TOKEN
    spans = [part for span in spans for part in _cut(text, span, most)]
    counts = count_tokens([text[start:end] for start, end in spans])
    measured: list[_Sentence] = []
    for (start, end), tokens in zip(spans, counts, strict=True):
        if tokens > budget:
            # Halve until they fit: exact with any tokenizer, and rare.
            parts = _cut(text, (start, end), (end - start + 1) // 2)
            measured += _measured(text, parts, count_tokens, budget)
        else:
            following = text[end : end + 40]
            blank = following[: len(following) - len(following.lstrip())].count("\n") > 1
            least = -(-(end - start) // MOST_CHARACTERS_A_TOKEN)
            measured.append(_Sentence(start=start, end=end, tokens=max(tokens, least), ends_paragraph=blank))
    return measured


def _cut(text: str, span: Span, most: int) -> list[Span]:
    """Return parts of at most `most` characters, cut at white space if there is any in the second half."""
    parts: list[Span] = []
    start, end = span
    while end - start > most:
        space = max(text.rfind(mark, start + most // 2, start + most) for mark in " \n\t")
        cut = space if space > start else start + most
        parts += _trimmed(text, start, cut)
        start = cut
    return parts + _trimmed(text, start, end)


def _pack(sentences: list[_Sentence], budget: int) -> list[list[_Sentence]]:
    """Return runs of sentences of about equal size, none above the budget."""
    total = sum(sentence.tokens for sentence in sentences)
    if total <= budget:
        return [sentences]
    target = total / -(-total // budget)
    runs: list[list[_Sentence]] = []
    run: list[_Sentence] = []
    repeated = fresh = 0
    for sentence in sentences:
        near_paragraph = bool(run) and run[-1].ends_paragraph and fresh >= 0.75 * target
        is_full = repeated + fresh + sentence.tokens > budget or fresh + sentence.tokens / 2 > target
        if run and (is_full or near_paragraph):
            runs.append(run)
            last = run[-1]
            overlaps = last.tokens <= budget // 6 and last.tokens + sentence.tokens <= budget and len(run) > 1
            run, repeated, fresh = ([last], last.tokens, 0) if overlaps else ([], 0, 0)
        run.append(sentence)
        fresh += sentence.tokens
    return [*runs, run]


def _passage(document: Document, paths: HeadingPaths, sentences: list[_Sentence]) -> Passage:
    start, end = sentences[0].start, sentences[-1].end
    # A passage of several small sections gets the headings of its longest sentence.
    longest = max(sentences, key=lambda sentence: sentence.tokens)
    return Passage(
        start=start,
        end=end,
        text=document.text[start:end],
        page=document.page_at(start),
        headings=paths.at(longest.start),
        sentences=tuple((sentence.start, sentence.end) for sentence in sentences),
        place=document.place_at(start),
        is_row=document.is_row(start),
    )
