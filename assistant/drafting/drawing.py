"""Draws texts from the engine and chooses among them: by what the conversation supports, by length, by what the model
and the texts agree on. Says what the choice avoided.

Two ways to be faithful: `rerank` prefers texts whose names and numbers stand in the conversation, then summaries in the
conversation's own words, and has names and numbers barred only where every text has wrong ones; `ban` bars them from
the start. A ban holds pieces of words, so it lets a few through.
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
"""Attempts to write without unsupported names and numbers. What the first one lets through, the second bars by name."""
_OWN_WORDS = 3.0
"""Nats a token that a summary wholly in the conversation's words may be less likely than one with none of them. From 1
to nothing but the share of these words, each value gains on SAMSum val and none loses on DialogSum dev
(docs/benchmarks.md)."""
NEAR = 0.2
"""A text is near a wanted length where it is off by no more than this share of it."""


class Drawn(Record, frozen=True):
    """The drafts kept, the best first, a tuple a prompt, the settings that they were drawn with, and what was avoided
    for each prompt. Drafts are empty where a cancelled request did not come to a prompt.
    """

    finished: Finished
    settings: GenerationSettings
    guarded: tuple[Guarded | None, ...]


def can_stream(ask: Ask) -> bool:
    """Whether the answer can come word by word: one text, and no choice to make after it."""
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
    """`settings.drafts` texts for every prompt, the best first. `words` is the length to aim at for each; of a `wish`
    the words that the conversation holds are looked for.
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
    """The pieces of one text, then what `draw` returns. Under `rerank` a single text is written with the ban."""
    barred = _barred(engine, part) if _is_banned(settings) else ()
    for reply in write_stream(engine, part.prompt.text, settings, barred):
        if isinstance(reply, Piece):
            yield reply
        else:
            drafts = reply.drafts[0]
            found = _guarded(drafts, drafts, Evidence.of(part.source), True) if settings.faithful != "off" else None
            yield Drawn(finished=reply, settings=settings, guarded=(found,))


class _Choice:
    """The drafts of every prompt, and which of them is best."""

    def __init__(self, settings: GenerationSettings, words: int | None, wish: str, parts: Sequence[PartPrompt]) -> None:
        self._settings, self._words = settings, words
        self._wished = [wished_words(wish, part.source) for part in parts]
        self._parts = parts
        self.evidence = [Evidence.of(part.source) for part in parts]
        self.drafts: list[list[Draft]] = [[] for _ in parts]

    def add(self, places: Iterable[int], drafts: Sequence[Sequence[Draft]]) -> None:
        """More drafts for some prompts; where there is a length to aim at, each without the sentences that are too
        many.
        """
        for place, more in zip(places, drafts, strict=True):
            for draft in more:
                # By length alone: a text that invents is written again, not cut down to what it does not invent.
                can_cut = self._words and not _reasons(self._parts[place])  # reasoning would lose the answer behind it
                fitted = fit(draft, partial(self._distance, place)) if can_cut else draft
                self.drafts[place].append(fitted)

    def unsupported(self) -> list[int]:
        """The prompts of which every draft has a name or number that the source lacks."""
        return [
            index
            for index, drafts in enumerate(self.drafts)
            if drafts and all(wrong(draft, self.evidence[index]) for draft in drafts)
        ]

    def far(self) -> list[int]:
        """The prompts whose best draft is farther from the wanted length than `NEAR` of it."""
        return [
            place
            for place, drafts in enumerate(self.drafts)
            if self._words and drafts and self._badness(place, self._order(place)[0])[-1] > NEAR * self._words
        ]

    def wrong_names(self, index: int) -> set[str]:
        """What the drafts of a prompt say and its source lacks."""
        return {name for draft in self.drafts[index] for name in wrong(draft, self.evidence[index])}

    def best(self, count: int) -> list[list[Draft]]:
        """The so many best drafts of every prompt, the best first."""
        return [self._order(index)[:count] for index in range(len(self.drafts))]

    def _order(self, place: int) -> list[Draft]:
        """Texts that ended by themselves, then what the source supports, then what was wished for, then the wanted
        length, then what is preferred.
        """
        drafts = self.drafts[place]
        if not (self._settings.faithful != "off" or self._words or self._wished[place]):
            return list(drafts)
        preferences = self._preferences(place)

        def rank(index: int) -> tuple[float, ...]:
            # Cut to a length, two drafts may have become one.
            is_double = any(draft.text == drafts[index].text for draft in drafts[:index])
            return (is_double, *self._badness(place, drafts[index]), -preferences[index])

        return [drafts[index] for index in sorted(range(len(drafts)), key=rank)]

    def _preferences(self, place: int) -> list[float]:
        """The more, the better: of samples, of which the likeliest says little, agreement with the others; of beams of
        a summary that is to be faithful, likelihood and the share of words that the source holds. Beams of anything
        else keep the model's own order.
        """
        drafts, part = self.drafts[place], self._parts[place]
        if self._settings.decoding == "sample":
            return agreement([draft.text for draft in drafts])
        if self._settings.faithful != "rerank" or part.prompt.task != "summary":
            return [0.0] * len(drafts)
        said = stems(part.source)
        texts = (stems(self._answer(place, draft)) for draft in drafts)
        shares = [len(words & said) / max(1, len(words)) for words in texts]
        # A penalty leaves no likelihood: the share alone decides.
        return [(draft.score or 0.0) + _OWN_WORDS * share for draft, share in zip(drafts, shares, strict=True)]

    def _badness(self, place: int, draft: Draft) -> tuple[float, ...]:
        claims = len(wrong(draft, self.evidence[place])) if self._settings.faithful != "off" else 0
        missed = len(self._wished[place] - stems(draft.text))
        is_cut_off, off = self._distance(place, draft)
        return (is_cut_off, claims, missed, off)

    def _distance(self, place: int, draft: Draft) -> tuple[bool, int]:
        """Whether the limit cut the text off, and by how many words it misses the wanted length."""
        off = abs(len(self._answer(place, draft).split()) - self._words) if self._words else 0
        return draft.finished != "end", off

    def _answer(self, place: int, draft: Draft) -> str:
        """The draft's text without the reasoning before it."""
        part = self._parts[place]
        return split_reasoning(draft.text, part.prompt.task)[1] if _reasons(part) else draft.text


def _reasons(part: PartPrompt) -> bool:
    """Whether the model is told to reason before it answers."""
    return MODES[part.prompt.mode].reasoning


def wished_words(wish: str, source: str) -> frozenset[str]:
    """The words of a wish that the source holds: of "Focus on the refund." the refund, of "Be formal." none."""
    return stems(wish) & stems(source)


def wrong(draft: Draft, evidence: Evidence) -> tuple[str, ...]:
    """The names and numbers of a draft that its source lacks, and its words that are no words, each once."""
    claims = dict.fromkeys(mention.text for mention in unsupported(draft.text, evidence))
    return (*claims, *invented_words(draft.text, evidence))


def _rewrite(
    engine: Engine, parts: Sequence[PartPrompt], settings: GenerationSettings, choice: _Choice, again: Sequence[int]
) -> float:
    """Write these prompts once more with names and numbers barred, those that came in spite of it above all; returns
    the seconds it took. Cancelled, what is there stays.
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
    """Draw samples for these prompts, whose lengths differ more than those of beams; returns the seconds it took.
    Cancelled, what is there stays.
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
    """Where only one text is written, there is nothing to choose from: it is kept faithful while it is written."""
    return settings.faithful == "ban" or (settings.faithful == "rerank" and settings.decoding == "greedy")


def _barred(engine: Engine, part: PartPrompt) -> tuple[int, ...]:
    """What a text about the part may not contain, as the model reads the part."""
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
