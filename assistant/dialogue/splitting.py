"""Cuts a dialogue that is too long into parts that fit, at the ends of turns. Knows how to count tokens only by being
told how.
"""

import re
from collections.abc import Callable, Sequence

from assistant.dialogue.turns import make_turn
from assistant.dialogue.writing import write_turns
from assistant.errors import UsageError
from assistant.records import Dialogue, Record, Turn

# What came before may take this share of a part, so that every part is mostly new.
_CONTEXT_SHARE = 1 / 4
_SENTENCE_END = re.compile(r"[.?!…。！？][\"'”’)]{0,3}(?:\s|$)")


class Part(Record, frozen=True):
    """A stretch of a dialogue that is read at one go.

    `start` and `end` give its core, a half-open range of the dialogue's turns; the cores of all parts follow one
    another and leave nothing out. A turn that is too long for one part counts where it starts: the parts that go on
    with it say so by `continues`, and may have an empty range. `core` holds the texts, `context` the turns before them
    that are repeated to be understood, `text` both as lines, and `tokens` their count.
    """

    start: int
    end: int
    core: tuple[Turn, ...]
    text: str
    tokens: int
    context: tuple[Turn, ...] = ()
    continues: bool = False


class _Piece(Record, frozen=True):
    """A turn, or a stretch of one that is too long; `index` is the turn's, `first` marks its start."""

    turn: Turn
    index: int
    first: bool
    tokens: int


def split(
    dialogue: Dialogue, budget_tokens: int, count_tokens: Callable[[str], int], overlap_turns: int = 1
) -> list[Part]:
    """Cut the dialogue into parts of at most `budget_tokens`, each with up to `overlap_turns` turns of context.

    A turn longer than the budget is cut behind a sentence, else between words. Tokens are counted about twice a turn
    and once a part. Raises UsageError where the budget has no room for a speaker and a word.
    """
    pieces = [
        piece
        for index, turn in enumerate(dialogue.turns)
        for piece in _pieces(turn, index, budget_tokens, count_tokens)
    ]
    parts: list[Part] = []
    at = 0
    while at < len(pieces):
        part, size = _next_part(pieces, at, budget_tokens, count_tokens, overlap_turns)
        parts.append(part)
        at += size
    return parts


def _next_part(
    pieces: Sequence[_Piece], at: int, budget: int, count_tokens: Callable[[str], int], overlap: int
) -> tuple[Part, int]:
    """The part that starts with piece `at`, and how many pieces its core holds."""
    context = _context(pieces, at, budget, overlap)
    room = budget - sum(piece.tokens for piece in context)
    if pieces[at].tokens > room:
        context, room = [], budget
    size, used = 1, pieces[at].tokens
    while at + size < len(pieces) and used + pieces[at + size].tokens <= room:
        used += pieces[at + size].tokens
        size += 1
    while True:
        part = _part(context, pieces[at : at + size], count_tokens)
        if part.tokens <= budget or (size == 1 and not context):
            return part, size
        # The whole took more than its turns one by one: fewer of them, by as much as it was over.
        context, size = [], max(1, min(size - 1, size * budget // part.tokens)) if not context else size


def _context(pieces: Sequence[_Piece], at: int, budget: int, overlap: int) -> list[_Piece]:
    context: list[_Piece] = []
    room = budget * _CONTEXT_SHARE
    for piece in reversed(pieces[max(0, at - overlap) : at]):
        room -= piece.tokens
        if room < 0:
            break
        context.insert(0, piece)
    return context


def _part(context: Sequence[_Piece], core: Sequence[_Piece], count_tokens: Callable[[str], int]) -> Part:
    text = write_turns(piece.turn for piece in [*context, *core])
    return Part(
        start=core[0].index + (not core[0].first),
        end=core[-1].index + 1,
        core=tuple(piece.turn for piece in core),
        context=tuple(piece.turn for piece in context),
        text=text,
        tokens=count_tokens(text),
        continues=not core[0].first,
    )


def _pieces(turn: Turn, index: int, budget: int, count_tokens: Callable[[str], int]) -> list[_Piece]:
    """The turn as one piece where it fits, else cut into pieces that fit."""
    tokens = count_tokens(_line(turn))
    if tokens <= budget:
        return [_Piece(turn=turn, index=index, first=True, tokens=tokens)]
    pieces: list[_Piece] = []
    rest = turn.text
    length = max(1, len(rest) * budget // tokens)
    while rest:
        said, cost = _longest_start(turn, rest, length, budget, count_tokens)
        piece = Turn(speaker=turn.speaker, text=said, time=turn.time)
        pieces.append(_Piece(turn=piece, index=index, first=not pieces, tokens=cost))
        rest = rest[len(said) :].lstrip()
    return pieces


def _longest_start(
    turn: Turn, rest: str, length: int, budget: int, count_tokens: Callable[[str], int]
) -> tuple[str, int]:
    """A start of `rest` of at most `length` characters that fits the budget, and its tokens."""
    while True:
        said = _cut(rest, length)
        cost = count_tokens(_line(Turn(speaker=turn.speaker, text=said)))
        if cost <= budget:
            return said, cost
        if len(said) == 1:
            raise UsageError(
                f"{budget:,} tokens are too few for a part of this conversation; use fewer shots or a larger window"
            )
        length = max(1, min(len(said) - 1, len(said) * budget // cost))


def _cut(text: str, length: int) -> str:
    """The start of the text: up to the last end of a sentence in its second half, else of a word, else cut hard."""
    if len(text) <= length:
        return text
    ends = [end for match in _SENTENCE_END.finditer(text, length // 2, length) if (end := match.end()) <= length]
    space = text.rfind(" ", 1, length + 1)
    return text[: ends[-1] if ends else space if space > 0 else length].rstrip() or text[:length]


def _line(turn: Turn) -> str:
    clean = make_turn(turn.speaker, turn.text)
    return f"{clean.speaker}: {clean.text}\n" if clean else ""
