"""The verdict on each sentence of a summary: whether it was said, where, and by whom."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from assistant.records import Dialogue
from assistant.scoring.faithfulness.attribution import Grounds, sentences, stems
from assistant.terminal import one_line

SAID = 0.5
"""A sentence counts as said if its turns cover this share of it, and as partly said below. Of the sentences of human
summaries 86 % count as said and 4 % are not found; with another conversation it is 1 % and 73 % (docs/benchmarks.md).
"""
_QUOTED = 120
"""The maximum length of a quotation in characters."""


class Verdict(NamedTuple):
    """`message` is the index of the turn that covers most of the sentence, with its words in `quote`; None if it was
    not found. `missing` are names and numbers not in the conversation. `doubted` is who is said to act and `whose` the
    speaker of the message, if they may have been confused; `whose` is "" if that is the same person, and other messages
    say what is told.
    """

    found: Literal["said", "partly", "not found"]
    message: int | None = None
    quote: str = ""
    missing: tuple[str, ...] = ()
    doubted: str = ""
    whose: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether there is nothing to check."""
        return self.found == "said"

    @property
    def sentence(self) -> str:
        """The verdict as text."""
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
    """Return the verdict on each sentence of the text; `grounds` come from `attribute`."""
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
    """Return the sentence of the message that shares most words with this one, shortened if long."""
    wanted = stems(sentence)
    spans = sentences(message) or [(0, len(message))]
    start, end = max(spans, key=lambda span: len(wanted & stems(message[span[0] : span[1]])))
    quote = one_line(message[start:end])
    return quote if len(quote) <= _QUOTED else quote[: _QUOTED - 1].rstrip() + "…"
