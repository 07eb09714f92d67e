"""Calls the engine, replacing speakers' names by tags in prompts for models that read tags, and restoring them in
texts.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from assistant.engine.client import Engine
from assistant.engine.protocol import Finished, OnProgress, Piece, Scored, Written
from assistant.prompts import Restoring, Shown, hide, restore, show
from assistant.records import Draft, GenerationSettings

OnWritten = Callable[[Written], None]


def write(
    engine: Engine,
    prompts: Sequence[str],
    settings: GenerationSettings,
    on_progress: OnProgress | None = None,
    on_written: OnWritten | None = None,
    barred: Sequence[Sequence[int]] = (),
) -> Finished:
    """Call `Engine.generate`. Prompts and drafts have the speakers' names, whatever the model reads instead."""
    shown = [_shown(engine, prompt) for prompt in prompts]

    def tell(written: Written) -> None:
        if on_written:
            on_written(msgspec.structs.replace(written, drafts=_restored(written.drafts, shown[written.index])))

    texts = [one.text for one in shown]
    finished = engine.generate(texts, settings, on_progress, tell if on_written else None, barred)
    drafts = tuple(_restored(found, one) for found, one in zip(finished.drafts, shown, strict=True))
    return msgspec.structs.replace(finished, drafts=drafts)


def write_stream(
    engine: Engine, prompt: str, settings: GenerationSettings, barred: Sequence[int] = ()
) -> Iterator[Piece | Finished]:
    """Call `Engine.stream` in the same way."""
    shown = _shown(engine, prompt)
    restoring = Restoring(shown.names)
    for reply in engine.stream(shown.text, settings, barred):
        if text := restoring.add(reply.text) if isinstance(reply, Piece) else restoring.finish():
            yield Piece(id=reply.id, text=text)
        if isinstance(reply, Finished):
            yield msgspec.structs.replace(reply, drafts=tuple(_restored(found, shown) for found in reply.drafts))


def score(engine: Engine, prompts: Sequence[str], completions: Sequence[str]) -> Scored:
    """Call `Engine.score` in the same way."""
    shown = [_shown(engine, prompt) for prompt in prompts]
    hidden = [hide(text, one.names) for text, one in zip(completions, shown, strict=True)]
    return engine.score([one.text for one in shown], hidden)


def _shown(engine: Engine, prompt: str) -> Shown:
    return show(prompt, engine.loaded.model.speaker_tags if engine.loaded else ())


def _restored(drafts: Sequence[Draft], shown: Shown) -> tuple[Draft, ...]:
    return tuple(msgspec.structs.replace(draft, text=restore(draft.text, shown.names)) for draft in drafts)
