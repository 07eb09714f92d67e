"""Generates texts with the engine and chooses among them by faithfulness to the conversation, length, and agreement.
Reports what the choice avoided.

There are two ways to be faithful. `rerank` prefers texts whose names and numbers are in the conversation, then
summaries in its own words, and bars wrong names and numbers only if every text has some. `ban` bars them from the
start. A ban works on tokens, so it lets a few through.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import msgspec

from assistant.drafting.asking import PartPrompt
from assistant.drafting.barring import barred_ids, beginnings
from assistant.drafting.fitting import fit
from assistant.drafting.limits import aim, widen
from assistant.drafting.writing import OnWritten, write, write_stream
from assistant.engine.client import Engine
from assistant.engine.protocol import Finished, OnProgress, Piece
from assistant.errors import Interrupted, ModelMissing
from assistant.prompts import MODES, show_turns, split_reasoning
from assistant.records import Ask, Draft, GenerationSettings, Guarded, ModelVersion, Record
from assistant.scoring.faithfulness.attribution import stems
from assistant.scoring.faithfulness.support import Evidence, unsupported
from assistant.scoring.overlap import agreement
from assistant.scoring.vocabulary import invented_words

_REWRITES = 2
"""The number of attempts to write without unsupported names and numbers. The second bars by name what the first let
through.
"""
_OWN_WORDS = 3.0
"""The likelihood, in nats per token, that a summary may lose for using only the conversation's words instead of none.
From 1 up to using only the share of these words, each value improves SAMSum val and none worsens DialogSum dev
(docs/benchmarks.md).
"""
NEAR = 0.2
"""A text is close to the wanted length if it differs by at most this share of it."""


class Drawn(Record, frozen=True):
    """The drafts kept, best first, a tuple per prompt; the settings used; and what was avoided for each prompt. A
    cancelled request has no drafts for prompts it did not reach.
    """

    finished: Finished
    settings: GenerationSettings
    guarded: tuple[Guarded | None, ...]


def can_stream(ask: Ask) -> bool:
    """Whether the answer can be streamed: a single text, with no choice after it."""
    settings = ask.settings
    is_chosen = settings.faithful == "rerank" and settings.decoding == "sample"
    is_chosen = is_chosen or ask.words is not None or bool(ask.wish)
    return settings.decoding != "beam" and settings.drafts == 1 and not is_chosen


def draw(
    engine: Engine,
    parts: Sequence[PartPrompt],
    settings: GenerationSettings,
    words: int | None = None,
    wish: str = "",
    on_progress: OnProgress | None = None,
    on_written: OnWritten | None = None,
) -> Drawn:
    """Generate `settings.drafts` texts for every prompt, best first. `words` is the target length of each. Of a `wish`,
    drafts are preferred that use its words found in the conversation.
    """
    aimed = aim(settings, words, wish, is_reasoning=any(_reasons(part) for part in parts))
    is_banned = _is_banned(aimed)
    bans = [_barred(engine, part) for part in parts] if is_banned else []
    finished = write(engine, [part.prompt.text for part in parts], widen(aimed), on_progress, on_written, bans)
    choice = _Choice(aimed, words, wish, parts)
    choice.add(range(len(parts)), finished.drafts)
    seconds = finished.seconds
    rewritten: set[int] = set()
    if settings.faithful != "off" and _is_whole(finished):
        seeded = msgspec.structs.replace(widen(aimed), seed=finished.seed)
        for _ in range(_REWRITES):
            again = choice.unsupported()
            if not again:
                break
            seconds += _rewrite(engine, parts, seeded, choice, again)
            rewritten.update(again)
    far = choice.far() if words and _is_whole(finished) else []
    if far:
        seeded = msgspec.structs.replace(aimed, seed=finished.seed)
        seconds += _draw_more(engine, parts, seeded, choice, far, [bans[index] for index in far] if bans else [])
    kept = choice.best(settings.drafts)
    guarded = [
        _guarded(finished.drafts[i], drafts, choice.evidence[i], is_banned or i in rewritten) if drafts else None
        for i, drafts in enumerate(kept)
    ]
    return Drawn(
        finished=msgspec.structs.replace(finished, drafts=tuple(map(tuple, kept)), seconds=seconds),
        settings=aimed,
        guarded=tuple(guarded) if settings.faithful != "off" else (None,) * len(parts),
    )


def draw_stream(engine: Engine, part: PartPrompt, settings: GenerationSettings) -> Iterator[Piece | Drawn]:
    """Yield the pieces of a text, then what `draw` returns. With `rerank` and greedy decoding the text is written under
    the ban.
    """
    barred = _barred(engine, part) if _is_banned(settings) else ()
    for reply in write_stream(engine, part.prompt.text, settings, barred):
        if isinstance(reply, Piece):
            yield reply
        else:
            drafts = reply.drafts[0]
            found = _guarded(drafts, drafts, Evidence.of(part.source), True) if settings.faithful != "off" else None
            yield Drawn(finished=reply, settings=settings, guarded=(found,))


class _Choice:
    """The drafts of every prompt, and their order."""

    def __init__(self, settings: GenerationSettings, words: int | None, wish: str, parts: Sequence[PartPrompt]) -> None:
        self._settings, self._words = settings, words
        self._wished = [wished_words(wish, part.source) for part in parts]
        self._parts = parts
        self.evidence = [Evidence.of(part.source) for part in parts]
        self.drafts: list[list[Draft]] = [[] for _ in parts]

    def add(self, places: Iterable[int], drafts: Sequence[Sequence[Draft]]) -> None:
        """Add drafts for some prompts, cut to whole sentences if that brings them closer to the target length."""
        for place, more in zip(places, drafts, strict=True):
            for draft in more:
                # Only by length: an unfaithful text is written again, not cut to its faithful part.
                can_cut = self._words and not _reasons(self._parts[place])  # a cut would lose the answer at the end
                fitted = fit(draft, partial(self._distance, place)) if can_cut else draft
                self.drafts[place].append(fitted)

    def unsupported(self) -> list[int]:
        """Return the prompts all of whose drafts have a name or number not in the source."""
        return [
            index
            for index, drafts in enumerate(self.drafts)
            if drafts and all(wrong(draft, self.evidence[index]) for draft in drafts)
        ]

    def far(self) -> list[int]:
        """Return the prompts whose best draft differs from the wanted length by more than `NEAR` of it."""
        return [
            place
            for place, drafts in enumerate(self.drafts)
            if self._words and drafts and self._badness(place, self._order(place)[0])[-1] > NEAR * self._words
        ]

    def wrong_names(self, index: int) -> set[str]:
        """Return the names and numbers in a prompt's drafts that are not in its source."""
        return {name for draft in self.drafts[index] for name in wrong(draft, self.evidence[index])}

    def best(self, count: int) -> list[list[Draft]]:
        """Return the `count` best drafts of every prompt, best first."""
        return [self._order(index)[:count] for index in range(len(self.drafts))]

    def _order(self, place: int) -> list[Draft]:
        """Return the drafts in order: complete texts first, then by support in the source, the wish, the wanted length,
        and preference.
        """
        drafts = self.drafts[place]
        if not (self._settings.faithful != "off" or self._words or self._wished[place]):
            return list(drafts)
        preferences = self._preferences(place)

        def rank(index: int) -> tuple[float, ...]:
            # Two drafts may be equal after being cut.
            is_double = any(draft.text == drafts[index].text for draft in drafts[:index])
            return (is_double, *self._badness(place, drafts[index]), -preferences[index])

        return [drafts[index] for index in sorted(range(len(drafts)), key=rank)]

    def _preferences(self, place: int) -> list[float]:
        """Return a preference for each draft; higher is better. For samples it is agreement with the others, because
        the likelihood of a sample says little. For beams of a faithful summary it is likelihood plus the share of words
        that are in the source. Other beams keep the model's order.
        """
        drafts, part = self.drafts[place], self._parts[place]
        if self._settings.decoding == "sample":
            return agreement([draft.text for draft in drafts])
        if self._settings.faithful != "rerank" or part.prompt.task != "summary":
            return [0.0] * len(drafts)
        said = stems(part.source)
        texts = (stems(self._answer(place, draft)) for draft in drafts)
        shares = [len(words & said) / max(1, len(words)) for words in texts]
        # With a penalty there is no likelihood, and only the share counts.
        return [(draft.score or 0.0) + _OWN_WORDS * share for draft, share in zip(drafts, shares, strict=True)]

    def _badness(self, place: int, draft: Draft) -> tuple[float, ...]:
        claims = len(wrong(draft, self.evidence[place])) if self._settings.faithful != "off" else 0
        missed = len(self._wished[place] - stems(draft.text))
        is_cut_off, off = self._distance(place, draft)
        return (is_cut_off, claims, missed, off)

    def _distance(self, place: int, draft: Draft) -> tuple[bool, int]:
        """Return whether the limit cut the text off, and its distance from the wanted length in words."""
        off = abs(len(self._answer(place, draft).split()) - self._words) if self._words else 0
        return draft.finished != "end", off

    def _answer(self, place: int, draft: Draft) -> str:
        """Return the draft's text without the reasoning before it."""
        part = self._parts[place]
        return split_reasoning(draft.text, part.prompt.task)[1] if _reasons(part) else draft.text


def _reasons(part: PartPrompt) -> bool:
    """Whether the prompt asks the model to reason before it answers."""
    return MODES[part.prompt.mode].reasoning


def wished_words(wish: str, source: str) -> frozenset[str]:
    """Return the words of a wish that are in the source: "refund" of "Focus on the refund.", none of "Be formal." """
    return stems(wish) & stems(source)


def wrong(draft: Draft, evidence: Evidence) -> tuple[str, ...]:
    """Return a draft's names and numbers that are not in its source, and its invented words, each once."""
    claims = dict.fromkeys(mention.text for mention in unsupported(draft.text, evidence))
    return (*claims, *invented_words(draft.text, evidence))


def _rewrite(
    engine: Engine, parts: Sequence[PartPrompt], settings: GenerationSettings, choice: _Choice, again: Sequence[int]
) -> float:
    """Write these prompts again with unsupported names and numbers barred, above all those that were written anyway;
    return the seconds taken. If cancelled, the drafts stay as they are.
    """
    folder = _model(engine).folder
    bans = [(*_barred(engine, parts[index]), *beginnings(folder, choice.wrong_names(index))) for index in again]
    try:
        more = write(engine, [parts[index].prompt.text for index in again], settings, barred=bans)
    except Interrupted:
        return 0.0
    choice.add(again, more.drafts)
    return more.seconds


def _draw_more(
    engine: Engine,
    parts: Sequence[PartPrompt],
    settings: GenerationSettings,
    choice: _Choice,
    far: Sequence[int],
    bans: Sequence[tuple[int, ...]],
) -> float:
    """Draw samples for these prompts, because samples vary more in length than beams; return the seconds taken. If
    cancelled, the drafts stay as they are.
    """
    if settings.decoding == "sample":
        settings = msgspec.structs.replace(settings, seed=(settings.seed or 0) + 1)
    else:
        settings = msgspec.structs.replace(settings, decoding="sample", temperature=0.7, top_p=0.95, seed=1)
    try:
        more = write(engine, [parts[index].prompt.text for index in far], settings, barred=bans)
    except Interrupted:
        return 0.0
    choice.add(far, more.drafts)
    return more.seconds


def _is_whole(finished: Finished) -> bool:
    """Whether nothing was cancelled."""
    return all(drafts and drafts[0].finished != "cancelled" for drafts in finished.drafts)


def _is_banned(settings: GenerationSettings) -> bool:
    """Whether texts are written under the ban: with `ban`, or with `rerank` and greedy decoding,
    which gives no choice.
    """
    return settings.faithful == "ban" or (settings.faithful == "rerank" and settings.decoding == "greedy")


def _barred(engine: Engine, part: PartPrompt) -> tuple[int, ...]:
    """Return the ids barred for a text about the part, as the model reads the part."""
    model = _model(engine)
    return barred_ids(model.folder, show_turns(part.source, model.speaker_tags).text)


def _model(engine: Engine) -> ModelVersion:
    if engine.loaded is None:
        raise ModelMissing("no model is loaded yet")
    return engine.loaded.model


def _guarded(likeliest: Sequence[Draft], kept: Sequence[Draft], evidence: Evidence, barred: bool) -> Guarded:
    left = wrong(kept[0], evidence)
    return Guarded(
        avoided=tuple(text for text in wrong(likeliest[0], evidence) if text not in left), left=left, barred=barred
    )
