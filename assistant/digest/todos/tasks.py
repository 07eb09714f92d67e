"""Finds possible to-dos in single sentences: pledges and requests."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from assistant.digest.cues import Cues
from assistant.digest.hearing import Heard, Sentence
from assistant.digest.replies import is_question

_CUT = re.compile(r"(?:[;:]|\s[-–—])\s+|[¿¡]\s*|[.!?]\s+|,\s+(?=\w+(?:['’]\w+)?\s)")
_MAX_WORDS = 12
_CALL_REACH = 400
"""The maximum distance, in characters, from a form of address to the request it belongs to."""
_CALLED = re.compile(
    r"(?:^|[,;:–—-]\s|[.!?]\s)@?([^\W\d_][\w'’-]*)(?=\s*[,?!]|\s*$|\s+(?:can|could|would|will|please|you|pls)\b)"
)


@dataclass(frozen=True, slots=True)
class Task:
    """The part of a sentence that names something to do. `who` is empty if the sentence names nobody.

    `strength`, from 0 to 1, is how likely it is a to-do by its words alone.
    """

    sentence: Sentence
    start: int
    end: int
    kind: Literal["pledge", "request"]
    who: str
    strength: float


@dataclass(frozen=True, slots=True)
class _Patterns:
    promise: re.Pattern[str]
    commit: re.Pattern[str]
    from_me: re.Pattern[str]
    open_request: re.Pattern[str]
    plain: tuple[re.Pattern[str], ...]
    request: re.Pattern[str]
    asking: re.Pattern[str]
    task: re.Pattern[str]
    stop: re.Pattern[str]
    third: re.Pattern[str]


def tasks(heard: Heard, sentence: Sentence) -> Iterator[Task]:
    """Yield the pledges and requests in the sentence, clause by clause."""
    cues, text = heard.cues, sentence.whole
    offset = sentence.end - len(sentence.text) - text.find(sentence.text)
    asks = is_question(sentence, cues)
    taken = -1
    for start, end in _stretches(text):
        if start < taken:
            continue
        found = _pledged(cues, text, start, end, asks) or _asked(heard, text, start, sentence, asks)
        if found:
            kind, who, at, strength = found
            end = _grown(text, at, cues)
            taken = end
            if cues.found("conditions", text[start:at]):
                strength -= 0.25
            if cues.found("conditional", text[start:at]) and _supposes(heard, sentence):
                strength -= 0.5
            yield Task(
                sentence,
                offset + at,
                offset + end,
                kind,
                who or (sentence.speaker if kind == "pledge" else ""),
                strength,
            )


def _supposes(heard: Heard, sentence: Sentence) -> bool:
    """Whether the message answers a question about what would be: "would you do it again?" """
    before = heard.by_turn[sentence.turn - 1] if sentence.turn else ()
    cues = heard.cues
    if not before or not is_question(before[-1], cues) or not cues.found("supposing", before[-1].whole):
        return False
    return cues.found("no_requests", before[-1].whole) or not _patterns(cues).request.search(before[-1].whole)


def _stretches(text: str) -> list[tuple[int, int]]:
    cuts = [0, *(match.end() for match in _CUT.finditer(text)), len(text)]
    joined = re.finditer(r"\b(?:and|so|but|then|y|et|und|aber|pero|mais|&)\s+(?=\S)", text)
    cuts = sorted({*cuts, *(match.end() for match in joined)})
    return [(start, end) for start, end in itertools.pairwise(cuts) if start < end]


def _grown(text: str, start: int, cues: Cues) -> int:
    """Return the end of the task: later clauses that continue it are included, up to a reason or a new thought."""
    found = _patterns(cues).stop.search(text, start)
    limit = found.start() if found else len(text)
    words = list(re.finditer(r"\S+", text[start:limit]))
    if len(words) <= _MAX_WORDS:
        return limit
    commas = [match.start() for match in re.finditer(r",", text[start : start + words[_MAX_WORDS].start()])]
    limit = start + (commas[-1] if commas and commas[-1] > 15 else words[_MAX_WORDS - 1].end())
    while (tail := re.search(r"\s([^\W\d_]+)$", text[start:limit])) and tail[1].lower() in cues.words("loose_ends"):
        limit = start + tail.start()
    return limit


_Found = tuple[Literal["pledge", "request"], str, int, float]


def _pledged(cues: Cues, text: str, start: int, end: int, asks: bool) -> _Found | None:
    """Find a pledge by the speaker: "I'll …", "I bring …", "brownies from me"."""
    patterns = _patterns(cues)
    before = text[:start].lower().split()[-1:] or [""]
    doubt = 0.35 if asks else 0.0
    if (found := _promise(cues, text, start, end)) and not cues.pattern("no_promises").match(text, found.start("cue")):
        return "pledge", "", found.start("do"), 0.8 - doubt
    if (found := patterns.commit.match(text, start)) and not cues.pattern("no_commitments").match(
        text, found.start("cue")
    ):
        if found["cue"].lower() in cues.words("bare_will") and start:
            return None
        may = found["cue"].lower().split()[-1] in cues.words("may")
        return "pledge", "", found.start("do"), (0.5 if may else 0.75) - doubt
    found = next((hit for one in patterns.plain if (hit := one.match(text, start))), None)
    if found and not asks and before[0].strip(",") not in cues.words("no_present"):
        return "pledge", "", found.start("do"), 0.65
    found = patterns.from_me.match(text, start)
    plain = not cues.pattern("agreement").match(text, start) and not patterns.task.match(text, start)
    if found and plain and not asks:
        return "pledge", "", found.start("do"), 0.6
    return None


def _promise(cues: Cues, text: str, start: int, end: int) -> re.Match[str] | None:
    """Find "I'll" at the start of the clause, or after words that neither report nor ask: "for lunch I'll …"."""
    if found := _patterns(cues).promise.match(text, start):
        return found
    found = _patterns(cues).promise.search(text, start, end)
    before = text[start : found.start()].lower().split()[-1:] if found else []
    return found if found and before and before[0] not in cues.words("no_present") else None


def _asked(heard: Heard, text: str, start: int, sentence: Sentence, asks: bool) -> _Found | None:
    """Find a request: "can you …", "Marco raise …", "please …"."""
    cues, patterns = heard.cues, _patterns(heard.cues)
    called = _name_pattern(heard).match(text, start)
    who = _named(heard, called["name"]) if called else _vocative(heard, text) or _called_before(heard, sentence)
    rest = called.end() if called else start
    if cues.pattern("no_requests").match(text, rest):
        return None
    if found := patterns.open_request.match(text, rest):
        return "request", "", found.start("do"), 0.45
    found = patterns.request.match(text, rest)
    if found is None and (asked := patterns.asking.match(text, rest)) and _may_be_asked(cues, asked):
        found = asked
    if found:
        if cues.pattern("answer_tasks").match(text, found.start("do")):
            return None
        may = found["cue"].lower() in cues.words("you_may")
        return "request", who, found.start("do"), 0.4 if may else 0.7
    found = patterns.task.match(text, rest)
    if found and _is_imperative(cues, text, found):
        polite = cues.found("polite", text) and not text[:start].rstrip().endswith(",")
        sure = found["you"] or (not asks and cues.pattern("sure_tasks").match(text, found.start("do")))
        return "request", who, found.start("do"), 0.65 if polite or called else 0.5 if sure else 0.35
    if called and (found := patterns.third.match(text, rest)):
        return "pledge", who, found.start("does" if found["does"] else "do"), 0.55
    return None


def _may_be_asked(cues: Cues, found: re.Match[str]) -> bool:
    """Whether the word after "please" or "can you" can be a task: not in "please no" or "can you the"."""
    word = found["do"].split()[0].lower()
    return word in cues.words("tasks") or not (word in cues.words("common") or cues.opens("negation", word))


def _is_imperative(cues: Cues, text: str, found: re.Match[str]) -> bool:
    """Whether the verb is an imperative: in "bake a cake", but not in "bake sale is on Friday"."""
    rest = text[found.end("do") :].lstrip()
    opening = " ".join(rest.split()[:3])
    first = re.match(r"\w*", rest.lower())
    if first and first[0] in cues.words("subject_pronouns"):
        return False
    if not rest[:1].isalpha() and not rest.startswith(("#", "@")) and len(rest) > 2:
        return False
    return not cues.found("finite", opening) and not cues.pattern("no_tasks").match(text, found.start("do"))


def _vocative(heard: Heard, text: str) -> str:
    """Return whom the sentence addresses by name: at its start, its end, or between punctuation marks."""
    words = (match[1].lower() for match in _CALLED.finditer(text))
    return next((heard.names[word] for word in words if word in heard.names), "")


def _called_before(heard: Heard, sentence: Sentence) -> str:
    """Return whom the message addresses by name shortly before the sentence."""
    before = heard.turns[sentence.turn].text[max(0, sentence.start - _CALL_REACH) : sentence.start]
    names = [heard.names[word.lower()] for word in _CALLED.findall(before) if word.lower() in heard.names]
    return next((name for name in reversed(names) if name != sentence.speaker), "")


def _named(heard: Heard, word: str) -> str:
    return heard.names.get(word.lower(), word)


@cache
def _cached_name_pattern(names: tuple[str, ...], titles: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"
    title = "|".join(map(re.escape, titles)) or "(?!)"
    return re.compile(
        rf"(?:and\s|so\s|then\s|also\s)?@?(?:(?:{title})\.?\s)?(?P<name>{words})\b(?:,)?\s+(?:you\s+)?(?:please\s+)?",
        re.IGNORECASE,
    )


def _name_pattern(heard: Heard) -> re.Pattern[str]:
    return _cached_name_pattern(tuple(sorted(heard.names)), tuple(sorted(heard.cues.words("titles"))))


@cache
def _patterns(cues: Cues) -> _Patterns:
    verbs = _alternatives(cues, "tasks")
    # If the verb comes last ("ich werde die Liste schicken"), the task starts before it.
    doing = rf"(?P<do>(?:{verbs})\b|\S+(?:\s\S+){{0,8}}?\s(?:{_alternatives(cues, 'tasks_last')})\b)"
    adverb = rf"(?:(?:{_alternatives(cues, 'adverbs')})\s+){{0,2}}"
    lead = rf"(?:(?:{_alternatives(cues, 'leads')}),?\s+){{0,3}}"
    subjects = f"(?:{_alternatives(cues, 'subjects')})"
    thought, reason = _alternatives(cues, "new_thoughts"), _alternatives(cues, "reasons_after")
    until, linking = _alternatives(cues, "until"), _alternatives(cues, "linking")

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.IGNORECASE)

    return _Patterns(
        promise=compiled(rf"(?<![\w'’]){lead}(?P<cue>{_alternatives(cues, 'promises')})\s+{adverb}(?P<do>[^\W\d_]\w+)"),
        from_me=compiled(
            rf"(?P<do>(?:\S+\s+){{1,6}}?)"
            rf"(?:{_alternatives(cues, 'from_me')}|(?<=, )(?:{_alternatives(cues, 'pledged_by')}))(?!\w)"
        ),
        open_request=compiled(rf"{lead}(?:{_alternatives(cues, 'open_requests')})\s+{adverb}(?P<do>(?:{verbs})s?\b)"),
        commit=compiled(rf"{lead}(?P<cue>{_alternatives(cues, 'commitments')})\s+{adverb}{doing}"),
        plain=(
            compiled(rf"{lead}{subjects}\s+{adverb}(?P<do>(?:{_alternatives(cues, 'present_tasks')})\b)"),
            compiled(
                rf"{lead}{subjects}\s+{adverb}(?P<do>(?!(?:{_alternatives(cues, 'no_present_tasks')})\b)(?:{verbs})\b)"
            ),
            compiled(rf"{lead}(?P<do>(?:{_alternatives(cues, 'pledges')})\b)"),
            compiled(rf"{lead}(?P<do>(?:{_alternatives(cues, 'deliveries')})\b)"),
        ),
        asking=compiled(rf"{lead}(?P<cue>{_alternatives(cues, 'asking')})\s+{adverb}(?P<do>[^\W\d_][\w'’]+)"),
        request=compiled(rf"{lead}(?P<cue>{_alternatives(cues, 'requests')})\s+{adverb}{doing}"),
        task=compiled(rf"{lead}(?:(?P<you>{_alternatives(cues, 'you')})\s+)?{adverb}(?P<do>(?:{verbs})\b)"),
        third=compiled(
            rf"(?:(?:{_alternatives(cues, 'thirds')})\s+{adverb}(?P<do>(?:{verbs})\b)|(?P<does>(?:{verbs})e?s\b\s+\w))"
        ),
        stop=compiled(
            rf"(?<!\b[A-Z][a-z])(?<!\bMrs)[;.!?](?=\s|$)|\s[-–—]\s|,\s(?=(?:{thought})\b)|\s(?=(?:{reason})\b)"
            rf"|,\s(?!(?:{until})\b)(?=(?:[\w'’]+\s){{1,3}}(?:{linking})\b)"
        ),
    )


def _alternatives(cues: Cues, name: str) -> str:
    phrases = sorted(cues.words(name), key=lambda phrase: (-len(phrase), phrase))
    return "|".join(re.sub("['’]", "['’]", re.escape(phrase).replace(r"\*", r"\w*")) for phrase in phrases) or "(?!)"
