"""Combines the summaries of a long conversation's parts into one, in several rounds if needed."""

from collections.abc import Sequence

import msgspec

from assistant.drafting.asking import PartPrompt, write_prompts
from assistant.drafting.drawing import Drawn, draw
from assistant.engine.client import Engine
from assistant.engine.protocol import OnProgress, Progress
from assistant.records import Ask, Dialogue, ModelVersion, Record, Turn


class Combined(Record, frozen=True):
    """The last round: its prompt and drafts. `rounds` is the number of rounds."""

    part: PartPrompt
    drawn: Drawn
    rounds: int


def combine(
    engine: Engine, model: ModelVersion, texts: Sequence[str], ask: Ask, on_progress: OnProgress | None = None
) -> Combined | None:
    """Summarize the texts, each the summary of a part. If they do not fit the window together, they are first
    summarized in groups, repeatedly.

    Returns None if a round does not reduce the number of texts, or if it was cancelled: then the texts are best shown
    side by side.
    """
    rounds = 0
    plain = msgspec.structs.replace(ask, mode="zero-shot", words=None, wish="")
    while True:
        rounds += 1
        if on_progress:
            on_progress(Progress(stage="combining", done=rounds))
        turns = tuple(Turn(speaker=f"Part {n}", text=text) for n, text in enumerate(texts, start=1))
        parts = write_prompts(Dialogue(turns=turns, format="names"), plain, model)
        if len(parts) >= len(texts):
            return None
        is_last = len(parts) == 1
        drawn = draw(engine, parts, plain.settings, ask.words if is_last else None, ask.wish if is_last else "")
        if any(not drafts or drafts[0].finished == "cancelled" for drafts in drawn.finished.drafts):
            return None
        if is_last:
            return Combined(part=parts[0], drawn=drawn, rounds=rounds)
        texts = [drafts[0].text for drafts in drawn.finished.drafts]
