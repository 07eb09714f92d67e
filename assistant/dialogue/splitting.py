"""Splits a long dialogue into parts that fit a token budget, between turns where possible."""

import re
from collections.abc import Callable, Sequence

from assistant.dialogue.turns import make_turn
from assistant.dialogue.writing import write_turns
from assistant.errors import UsageError
from assistant.records import Dialogue, Record, Turn

# Context may take this share of a part, so that every part is mostly new.
_CONTEXT_SHARE = 1 / 4
_SENTENCE_END = re.compile(r"(?:[.?!…][\"'”’)]{0,3} |[。！？])")


class Part(Record, frozen=True):
    """A part of a dialogue that fits the budget.

    `start` and `end` are its half-open range of turns; the ranges of all parts follow one another and cover the
    dialogue. A turn too long for one part belongs to the part in which it starts; parts that continue it have
    `continues` set and may have an empty range. `core` holds the turns of the part, `context` earlier turns repeated so
    that it can be understood, `text` both as lines, and `tokens` the length of `text`.
    """

    start: int
    end: int
    core: tuple[Turn, ...]
    text: str
    tokens: int
    context: tuple[Turn, ...] = ()
    continues: bool = False


class _Piece(Record, frozen=True):
    """A turn, or a piece of a long one. `index` is the index of the turn; `first` marks its first piece."""

    turn: Turn
    index: int
    first: bool
    tokens: int


def split(
    dialogue: Dialogue, budget_tokens: int, count_tokens: Callable[[str], int], overlap_turns: int = 1
) -> list[Part]:
    """Split the dialogue into parts of at most `budget_tokens`, each with up to `overlap_turns` turns of context.

    A turn longer than the budget is cut after a sentence, or else between words. Tokens are counted about once per turn
    and twice per part. Raises UsageError if the budget has no room for a speaker and a word.
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
    """Return the part that starts with piece `at`, and the number of pieces in its core."""
    context = _context(pieces, at, budget, overlap)
    room = budget - sum(piece.tokens for piece in context)
    if pieces[at].tokens > room:
        context, room = [], budget
    size = _fitting(pieces, at, room)
    part = _part(context, pieces[at : at + size], count_tokens)
    while part.tokens > budget and (context or size > 1):
        # The text takes more tokens than its turns one by one: drop the context, then turns in proportion to the
        # excess.
        if context:
            context = []
        else:
            size = max(1, min(size - 1, size * budget // part.tokens))
        part = _part(context, pieces[at : at + size], count_tokens)
    return _grow(part, context, pieces, at, size, budget, count_tokens)


def _grow(
    part: Part,
    context: list[_Piece],
    pieces: Sequence[_Piece],
    at: int,
    size: int,
    budget: int,
    count_tokens: Callable[[str], int],
) -> tuple[Part, int]:
    """Add pieces while the text takes fewer tokens than its turns counted one by one, each perhaps with an EOS."""
    more = 1
    while more and at + size < len(pieces):
        more = max(more, _fitting(pieces, at + size, budget - part.tokens))
        while more:
            grown = _part(context, pieces[at : at + size + more], count_tokens)
            if grown.tokens <= budget:
                part, size = grown, size + more
                break
            more //= 2
    return part, size


def _fitting(pieces: Sequence[_Piece], at: int, room: int) -> int:
    """Return how many pieces from `at` on fit into `room` tokens, counted one by one."""
    used = size = 0
    while at + size < len(pieces) and used + pieces[at + size].tokens <= room:
        used += pieces[at + size].tokens
        size += 1
    return size


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
    """Return the turn as one piece if it fits, else cut into pieces that fit."""
    tokens = count_tokens(_line(turn))
    if tokens <= budget:
        return [_Piece(turn=turn, index=index, first=True, tokens=tokens)]
    pieces: list[_Piece] = []
    start, length = 0, max(1, len(turn.text) * budget // tokens)
    while start < len(turn.text):
        end, cost = _fitting_end(turn, start, length, budget, count_tokens)
        piece = Turn(speaker=turn.speaker, text=turn.text[start:end].strip(), time=turn.time)
        pieces.append(_Piece(turn=piece, index=index, first=not pieces, tokens=cost))
        start = end
    return pieces


def _fitting_end(
    turn: Turn, start: int, length: int, budget: int, count_tokens: Callable[[str], int]
) -> tuple[int, int]:
    """Return where a piece that starts at `start` must end to fit the budget, and its tokens."""
    while True:
        end = _cut(turn.text, start, length)
        cost = count_tokens(_line(Turn(speaker=turn.speaker, text=turn.text[start:end])))
        if cost <= budget:
            return end, cost
        if end - start == 1:
            raise UsageError(
                f"{budget:,} tokens are too few for a part of this conversation; use fewer examples or a larger model"
            )
        length = max(1, min(end - start - 1, (end - start) * budget // cost))


def _cut(text: str, start: int, length: int) -> int:
    """Return where to cut, at most `length` characters after `start`: after the last sentence that ends in their second
    half, else after the last word, else at the limit. The space at the cut belongs to the piece before.
    """
    limit = start + length
    if len(text) <= limit:
        return len(text)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, start + length // 2, limit)]
    return ends[-1] if ends else text.rfind(" ", start + 1, limit) + 1 or limit


def _line(turn: Turn) -> str:
    clean = make_turn(turn.speaker, turn.text)
    return f"{clean.speaker}: {clean.text}\n" if clean else ""
