"""Splits and joins the drafts of a conversation's parts."""

from collections.abc import Sequence

import msgspec

from assistant.drafting.drawing import Drawn
from assistant.engine.protocol import Finished
from assistant.errors import Interrupted
from assistant.records import Draft, Guarded, Prompt


def across_parts(drafts: Sequence[Sequence[Draft]]) -> list[Draft]:
    """Join the k-th drafts of all parts, one paragraph each; unfinished if any part is."""
    if len(drafts) == 1:
        return list(drafts[0])
    joined = []
    for group in zip(*drafts, strict=True):
        ends = sorted(draft.finished for draft in group if draft.finished != "end")  # "cancelled" sorts before "length"
        text = "\n\n".join(draft.text.strip() for draft in group)
        tokens = sum(draft.tokens for draft in group)
        joined.append(Draft(text=text, tokens=tokens, finished=ends[0] if ends else "end"))
    return joined


def reached(prompts: Sequence[Prompt], finished: Finished) -> tuple[Sequence[Prompt], Finished]:
    """Return the prompts that a cancelled request reached, and their drafts; the last is marked as cancelled."""
    places = [place for place, drafts in enumerate(finished.drafts) if drafts]
    if len(places) == len(prompts):
        return prompts, finished
    if not places:
        raise Interrupted("stopped before anything was written")
    *before, last = [finished.drafts[place] for place in places]
    cancelled = tuple(msgspec.structs.replace(draft, finished="cancelled") for draft in last)
    return [prompts[place] for place in places], msgspec.structs.replace(
        finished,
        drafts=(*before, cancelled),
        prompt_tokens=tuple(finished.prompt_tokens[place] for place in places),
    )


def slice_of(drawn: Drawn, start: int, end: int, share: float) -> Drawn:
    """Return the drafts of some of the prompts, with their share of the time."""
    finished = msgspec.structs.replace(
        drawn.finished,
        drafts=drawn.finished.drafts[start:end],
        prompt_tokens=drawn.finished.prompt_tokens[start:end],
        seconds=drawn.finished.seconds * share,
    )
    return msgspec.structs.replace(drawn, finished=finished, guarded=drawn.guarded[start:end])


def joined(drawn: Sequence[Drawn]) -> Drawn:
    """Join the drafts of one conversation's parts."""
    replies = [one.finished for one in drawn]
    finished = Finished(
        id=replies[0].id,
        drafts=tuple(reply.drafts[0] for reply in replies),
        seed=replies[0].seed,
        prompt_tokens=tuple(reply.prompt_tokens[0] for reply in replies),
        seconds=sum(reply.seconds for reply in replies),
    )
    return msgspec.structs.replace(drawn[0], finished=finished, guarded=tuple(one.guarded[0] for one in drawn))


def together(guarded: Sequence[Guarded | None]) -> Guarded | None:
    """Combine what was avoided in all parts of one answer."""
    known = [one for one in guarded if one is not None]
    if not known:
        return None
    return Guarded(
        avoided=tuple(dict.fromkeys(text for one in known for text in one.avoided)),
        left=tuple(dict.fromkeys(text for one in known for text in one.left)),
        barred=any(one.barred for one in known),
    )
