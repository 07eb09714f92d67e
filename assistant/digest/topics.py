"""Segments a long conversation by topic (TextTiling, Hearst 1997), and titles each segment with its own words."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from assistant.digest.hearing import Heard
from assistant.digest.records import Topic
from assistant.digest.spans import stems

LONG = 120
"""Conversations of at least this many turns are segmented."""
_WINDOW = 12
_MOST = 12
_LEAST_TURNS = 15
_WIDE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# Words, or in scripts without spaces, runs of the characters that nouns are written in.
_WORD = re.compile(
    rf"(?:(?![{_WIDE}])[^\W\d_])(?:(?![{_WIDE}])[\w'’-])+|[\u30a0-\u30ff]{{2,}}|[\u4e00-\u9fff]{{2,}}|[\uac00-\ud7af]{{2,}}"
)


def find_topics(heard: Heard, weights: dict[str, float]) -> tuple[Topic, ...]:
    """Return the topics of a long conversation in order; none if it is short."""
    total = len(heard.turns)
    if total < LONG:
        return ()
    bags = [Counter(word for sentence in turn for word in sentence.stems) for turn in heard.by_turn]
    step = max(1, total // 2000)
    size = max(_WINDOW, total // 60)
    gaps = list(range(size, total - size + 1, step))
    likeness = [_cosine(before, after, weights) for before, after in _windows(bags, gaps, size)]
    edges = [0, *_valleys(gaps, likeness, max(_LEAST_TURNS, total // (_MOST + 4))), total]
    return tuple(
        Topic(title=title_of(heard, start, end, weights), start=start, end=end)
        for start, end in itertools.pairwise(edges)
    )


def title_of(heard: Heard, start: int, end: int, weights: dict[str, float], most: int = 3) -> str:
    """Return up to `most` characteristic words of turns `start` to `end`, as they are written there."""
    inside: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    for turn in heard.by_turn[start:end]:
        for sentence in turn:
            for word in _WORD.findall(sentence.text):
                if word.lower() in heard.names or _is_plain(word.lower(), heard):
                    continue
                for one in stems(word, heard.cues):
                    inside[one] += 1
                    forms.setdefault(one, Counter())[word] += 1
    scored = sorted(
        inside, key=lambda word: (-inside[word] * weights.get(word, 1.0) / (1.0 + math.log(1 + inside[word])), word)
    )
    return ", ".join(forms[word].most_common(1)[0][0] for word in scored[:most])


_NO_SUBJECT = (
    "tasks",
    "weekdays",
    "months",
    "months_short",
    "relative",
    "parts",
    "units",
    "numbers",
    "number_words",
    "before_times",
    "adverbs",
    "openers",
    "negation",
    "common",
    "plain",
)
"""Tables of words that no conversation is about."""
_SHORTEST = 4


def _is_plain(word: str, heard: Heard) -> bool:
    """Whether the word names no subject: a time, a number, a verb of asking, a short word."""
    is_short = word.isascii() and len(word) < _SHORTEST
    return is_short or "'" in word or "’" in word or any(word in heard.cues.words(kind) for kind in _NO_SUBJECT)


def _valleys(gaps: Sequence[int], likeness: Sequence[float], least: int) -> list[int]:
    """Return the deepest valleys of similarity, at least `least` turns apart, at most `_MOST` - 1."""
    depths = []
    for at, value in enumerate(likeness):
        left = max(likeness[: at + 1])
        right = max(likeness[at:])
        near = likeness[max(0, at - 40) : at + 41]
        depths.append(max(0.0, min(left, max(near)) + min(right, max(near)) - 2 * value))
    mean = sum(depths) / (len(depths) or 1)
    spread = math.sqrt(sum((depth - mean) ** 2 for depth in depths) / (len(depths) or 1))
    chosen: list[int] = []
    for at in sorted(range(len(gaps)), key=lambda at: -depths[at]):
        if len(chosen) >= _MOST - 1 or depths[at] < mean + spread / 2:
            break
        if all(abs(gaps[at] - other) >= least for other in chosen):
            chosen.append(gaps[at])
    return sorted(chosen)


def _windows(
    bags: Sequence[Counter[str]], gaps: Sequence[int], size: int
) -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Yield the words of the `size` turns before and after each gap, updated from gap to gap."""
    before, after = Counter[str](), Counter[str]()
    low = middle = high = 0
    for gap in gaps:
        for at in range(high, gap + size):
            after.update(bags[at])
        for at in range(middle, gap):
            after.subtract(bags[at])
            before.update(bags[at])
        for at in range(low, gap - size):
            before.subtract(bags[at])
        low, middle, high = gap - size, gap, gap + size
        yield +before, +after


def _cosine(first: Counter[str], second: Counter[str], weights: dict[str, float]) -> float:
    dot = sum(first[word] * second[word] * weights.get(word, 1.0) ** 2 for word in first.keys() & second.keys())
    norms = (sum((count * weights.get(word, 1.0)) ** 2 for word, count in bag.items()) for bag in (first, second))
    return dot / (math.sqrt(math.prod(norms)) or 1.0)
