"""What is to be said of each sentence of a written text: where it was said, how far, and by whom."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from assistant.records import Dialogue
from assistant.scoring.faithfulness.attribution import Grounds, sentences, stems
from assistant.terminal import one_line

SAID = 0.5
"""A sentence was said where the messages it rests on contain so much of what it says, and partly below that. Of the
sentences of human summaries 86 % count as said and 4 % are not found; held against another conversation 1 % and 73 %
(docs/benchmarks.md).
"""
_QUOTED = 120
"""Longest quote, in characters."""


class Verdict(NamedTuple):
    """`message` is the one that says most of the sentence, counted from 0, with its words in `quote`; None where it was
    not found. `missing` are names and numbers that the conversation lacks. `doubted` is who is said to act and `whose`
    the speaker of the message, where the two may have been mixed up; "" where that is the same person, and other
    messages say what is told.
    """

    found: Literal["said", "partly", "not found"]
    message: int | None = None
    quote: str = ""
    missing: tuple[str, ...] = ()
    doubted: str = ""
    whose: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether there is nothing to look after."""
        return self.found == "said"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.message is None:
            parts = ["not found"]
        else:
            where = f"said in message {self.message + 1}"
            parts = [f"{where if self.found == 'said' else f'partly {where}'}: “{self.quote}”"]
        if self.missing:
            parts.append(f"not in the conversation: {', '.join(self.missing)}")
        if self.doubted:
            parts.append(f"check who: {', or '.join(filter(None, (self.doubted, self.whose)))}?")
        return " · ".join(parts)


def verdicts(text: str, dialogue: Dialogue, grounds: Sequence[Grounds]) -> tuple[Verdict, ...]:
    """What is to be said of each sentence of the text; `grounds` are `attribute`'s."""
    return tuple(_verdict(text[ground.start : ground.end], dialogue, ground) for ground in grounds)


def _verdict(sentence: str, dialogue: Dialogue, ground: Grounds) -> Verdict:
    missing = tuple(dict.fromkeys(one_line(mention.text) for mention in ground.unsupported))
    if ground.best is None:
        return Verdict("not found", missing=missing)
    turn = dialogue.turns[ground.best]
    role = ground.role
    is_said = ground.share >= SAID and not missing and role is None
    return Verdict(
        found="said" if is_said else "partly",
        message=ground.best,
        quote=_quote(sentence, turn.text),
        missing=missing,
        doubted=one_line(role.text) if role is not None else "",
        whose=one_line(turn.speaker) if role is not None and turn.speaker.lower() != role.text.lower() else "",
    )


def _quote(sentence: str, message: str) -> str:
    """The sentence of the message that shares most words with this one, cut where it is long."""
    wanted = stems(sentence)
    spans = sentences(message) or [(0, len(message))]
    start, end = max(spans, key=lambda span: len(wanted & stems(message[span[0] : span[1]])))
    quote = one_line(message[start:end])
    return quote if len(quote) <= _QUOTED else quote[: _QUOTED - 1].rstrip() + "…"
