"""THE use case, called by screen and command line alike: a conversation and a way of asking become a stored answer.

Dialogue -> prompts and drafts (`assistant.drafting`) -> completions in the store. A conversation that does not fit is
answered in parts, never cut. Knows no terminal, no SQL and no model library.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from assistant.drafting import STYLES as STYLES
from assistant.drafting import Drawn, PartPrompt, aim, draw, draw_stream, write_prompts
from assistant.drafting import can_stream as can_stream
from assistant.drafting import refine as refine
from assistant.drafting.ability import can_answer
from assistant.drafting.quoting import QUOTE, quote_turns
from assistant.engine.client import Engine
from assistant.engine.protocol import Finished, Loaded, Piece, Progress, check_settings
from assistant.errors import Interrupted, ModelDamaged, UsageError
from assistant.feedback.store import Store
from assistant.models.registry import choose, choose_backend, promoted_ref, resolve
from assistant.prompts import MODES, split_reasoning

# Ask and Answer are what callers of this module hand in and get back: they are named here too.
from assistant.records import Answer as Answer
from assistant.records import Ask as Ask
from assistant.records import (
    BackendName,
    Completion,
    Dialogue,
    Draft,
    GenerationSettings,
    Guarded,
    ModelVersion,
    Prompt,
)
from assistant.settings import Settings

OnProgress = Callable[[Progress], None]


class Assistant:
    """One loaded model, one store. Methods may be called from several threads; requests wait for one another."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store | None = None,
        on_notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.settings = settings
        self.why = ""
        self._store = store
        self._engine = Engine(on_notice=on_notice)
        self._follows = False
        self._promoted: str | None = None

    def load(
        self, ref: str | None = None, backend: BackendName | None = None, on_progress: OnProgress | None = None
    ) -> Loaded:
        """Serve a model: the one named, or the start-up choice; `why` then says in a sentence how it was chosen."""
        self._follows = ref is None and self.settings.model.ref in {"auto", "current"}
        self._promoted = _promoted()
        model, self.why = self.choice(ref)
        chosen = backend or choose_backend(self.settings, model)
        return self._engine.load(model, chosen, self.settings.model.threads, on_progress)

    def choice(self, ref: str | None = None) -> tuple[ModelVersion, str]:
        """The model that `load` would serve, and why."""
        if ref:
            return resolve(ref, self.settings), f"{ref} was asked for"
        return choose(self.settings)

    def has_moved(self) -> bool:
        """Whether another model was promoted since the start-up choice was loaded: `load()` then serves it, after the
        answer that is being written. A model that was asked for by name stays.
        """
        return self._follows and _promoted() != self._promoted

    @property
    def loaded(self) -> Loaded | None:
        """What serves now."""
        return self._engine.loaded

    @property
    def engine(self) -> Engine:
        """What writes, for the use cases beside this one."""
        return self._engine

    @property
    def store(self) -> Store | None:
        """Where answers are kept."""
        return self._store

    def prompts(self, dialogue: Dialogue, ask: Ask, ref: str | None = None) -> list[Prompt]:
        """The exact prompts: one where the conversation fits the window, else one a part. Loads no model.

        `ref` names the model whose window and tokens count; without it the one that serves, or would.
        """
        return [part.prompt for part in self._parts(dialogue, ask, ref)]

    def answer(self, dialogue: Dialogue, ask: Ask, on_progress: OnProgress | None = None) -> Answer:
        """Ask about the conversation, store what came back, and return it."""
        return self.answers([dialogue], ask, on_progress)[0]

    def answers(self, dialogues: Sequence[Dialogue], ask: Ask, on_progress: OnProgress | None = None) -> list[Answer]:
        """Ask about many conversations in one batch."""
        check_settings(aim(ask.settings, ask.words, ask.wish))
        self._serving()
        groups = [self._parts(dialogue, ask) for dialogue in dialogues]
        if self._must_quote(ask):
            return [self._quote(dialogue, ask, group) for dialogue, group in zip(dialogues, groups, strict=True)]
        flat = [part for group in groups for part in group]
        # The words are shared out over the parts of the conversation that has the most.
        words = max(1, round(ask.words / max(map(len, groups)))) if ask.words else None
        drawn = draw(self._engine, flat, ask.settings, words, ask.wish, on_progress)
        answers, start = [], 0
        for dialogue, group in zip(dialogues, groups, strict=True):
            end = start + len(group)
            # The batch's time is shared out evenly: its members were not timed one by one.
            answers.append(self._keep(dialogue, ask, group, _slice(drawn, start, end, len(group) / len(flat))))
            start = end
        return answers

    def stream(self, dialogue: Dialogue, ask: Ask) -> Iterator[Piece | Answer]:
        """The same for one conversation, piece by piece; the answer comes last. Parts come one after another.

        Length and wishes are not looked after here: `can_stream` says whether the answer would be the same as
        `answer`'s.
        """
        check_settings(ask.settings, stream=True)
        self._serving()
        parts = self._parts(dialogue, ask)
        if self._must_quote(ask):
            quoted = self._quote(dialogue, ask, parts)
            yield Piece(id=0, text=quoted.completion.answer)
            yield quoted
            return
        drawn: list[Drawn] = []
        for number, part in enumerate(parts):
            for news in draw_stream(self._engine, part, ask.settings):
                if isinstance(news, Drawn):
                    drawn.append(news)
                else:
                    yield news
            if drawn[-1].finished.drafts[0][0].finished == "cancelled":
                parts = parts[: number + 1]
                break
            if number + 1 < len(parts):
                yield Piece(id=drawn[-1].finished.id, text="\n\n")
        yield self._keep(dialogue, ask, parts, _joined(drawn))

    def refine(
        self, dialogue: Dialogue, ask: Ask, answer: str, wish: str, on_progress: OnProgress | None = None
    ) -> Answer:
        """The same once more with a wish about the answer: "shorter", "longer", "20 words", a name of STYLES, or a
        sentence such as "focus on the refund". A screen that asks by itself asks with `refine(ask, answer, wish)`.
        """
        return self.answer(dialogue, refine(ask, answer, wish), on_progress)

    def cancel(self) -> None:
        """Stop the request that runs; what it wrote is kept."""
        self._engine.cancel()

    def close(self) -> None:
        """End the worker."""
        self._engine.close()

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serving(self) -> Loaded:
        return self._engine.loaded or self.load()

    def _parts(self, dialogue: Dialogue, ask: Ask, ref: str | None = None) -> list[PartPrompt]:
        serving = self._engine.loaded
        model = serving.model if serving and ref is None else self.choice(ref)[0]
        return write_prompts(dialogue, ask, model)

    def _must_quote(self, ask: Ask) -> bool:
        """Whether the model that serves is too small for what is asked, so that turns are quoted in its place.

        Raises UsageError for an instruction: there is nothing to put in its place.
        """
        model = self._serving().model
        if ask.task not in ("question", "instruction") or can_answer(self._engine, model):
            return False
        if ask.task == "instruction":
            raise UsageError(
                f"{model.ref} is too small to follow instructions: it did not answer simple questions about what it "
                "read; load a larger model, such as google/flan-t5-base"
            )
        return True

    def _quote(self, dialogue: Dialogue, ask: Ask, parts: Sequence[PartPrompt]) -> Answer:
        """The turns that share most with the question, stored like an answer; no model writes a word of it."""
        started = time.monotonic()
        draft = Draft(text=quote_turns(ask.request, dialogue), tokens=0)
        completion = msgspec.structs.replace(
            self._completion(parts[0].prompt, ask.settings, draft, time.monotonic() - started),
            model=QUOTE,
            backend_version="",
            rationale="",
            answer=draft.text,
            prompt="\f".join(part.prompt.text for part in parts),
        )
        if self._store is not None:
            self._store.add_completions([completion])
        return Answer(drafts=(completion,), turns=len(dialogue.turns))

    def _keep(self, dialogue: Dialogue, ask: Ask, parts: Sequence[PartPrompt], drawn: Drawn) -> Answer:
        """Make completions of the drafts and store them before anybody sees the answer as done.

        Raises Interrupted where it was cancelled before any of it was written.
        """
        prompts, finished = _reached([part.prompt for part in parts], drawn.finished)
        seed = finished.seed if drawn.settings.decoding == "sample" else None
        kept = msgspec.structs.replace(drawn.settings, seed=seed)
        whole = _new_id()
        pieces: tuple[Completion, ...] = ()
        if len(prompts) > 1:
            pieces = tuple(
                msgspec.structs.replace(
                    self._completion(prompt, kept, drafts[0], finished.seconds / len(prompts)),
                    prompt_tokens=tokens,
                    part_of=whole,
                )
                for prompt, drafts, tokens in zip(prompts, finished.drafts, finished.prompt_tokens, strict=True)
            )
        written = _across_parts(finished.drafts)
        drafts = tuple(
            msgspec.structs.replace(
                self._completion(prompts[0], kept, draft, finished.seconds),
                id=whole if index == 0 else _new_id(),
                prompt="\f".join(prompt.text for prompt in prompts),
                prompt_tokens=sum(finished.prompt_tokens),
                draft_of=whole if len(written) > 1 else "",
                draft_index=index,
            )
            for index, draft in enumerate(written)
        )
        if self._store is not None:
            self._store.add_completions([*drafts, *pieces])
        dropped = max(prompt.shots_dropped for prompt in prompts)
        return Answer(
            drafts=drafts,
            parts=pieces,
            turns=len(dialogue.turns),
            shots_dropped=dropped,
            guarded=_together(drawn.guarded),
        )

    def _completion(self, prompt: Prompt, settings: GenerationSettings, draft: Draft, seconds: float) -> Completion:
        serving = self._serving()
        rationale, answer = "", draft.text.strip()
        if MODES[prompt.mode].reasoning:
            rationale, answer = split_reasoning(draft.text, prompt.task)
        return Completion(
            id=_new_id(),
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            prompt=prompt.text,
            mode=prompt.mode,
            task=prompt.task,
            prompt_version=prompt.version,
            model=serving.model.ref,
            backend=serving.backend,
            backend_version=serving.backend_version,
            settings=settings,
            answer=answer,
            rationale=rationale,
            finished=draft.finished,
            prompt_tokens=prompt.tokens,
            completion_tokens=draft.tokens,
            seconds=seconds,
        )


def _new_id() -> str:
    return secrets.token_hex(6)


def _across_parts(drafts: Sequence[Sequence[Draft]]) -> list[Draft]:
    """Join the k-th drafts of all parts, a paragraph each; unfinished where any part is."""
    if len(drafts) == 1:
        return list(drafts[0])
    joined = []
    for group in zip(*drafts, strict=True):
        ends = sorted(draft.finished for draft in group if draft.finished != "end")  # cancelled before length
        text = "\n\n".join(draft.text.strip() for draft in group)
        tokens = sum(draft.tokens for draft in group)
        joined.append(Draft(text=text, tokens=tokens, finished=ends[0] if ends else "end"))
    return joined


def _reached(prompts: Sequence[Prompt], finished: Finished) -> tuple[Sequence[Prompt], Finished]:
    """The prompts that a cancelled request came to, and their drafts; the last of them says that it was cancelled."""
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


def _slice(drawn: Drawn, start: int, end: int, share: float) -> Drawn:
    """The replies to some of the prompts, with their share of the time."""
    finished = msgspec.structs.replace(
        drawn.finished,
        drafts=drawn.finished.drafts[start:end],
        prompt_tokens=drawn.finished.prompt_tokens[start:end],
        seconds=drawn.finished.seconds * share,
    )
    return msgspec.structs.replace(drawn, finished=finished, guarded=drawn.guarded[start:end])


def _joined(drawn: Sequence[Drawn]) -> Drawn:
    """The replies for the parts of one conversation as one."""
    replies = [one.finished for one in drawn]
    finished = Finished(
        id=replies[0].id,
        drafts=tuple(reply.drafts[0] for reply in replies),
        seed=replies[0].seed,
        prompt_tokens=tuple(reply.prompt_tokens[0] for reply in replies),
        seconds=sum(reply.seconds for reply in replies),
    )
    return msgspec.structs.replace(drawn[0], finished=finished, guarded=tuple(one.guarded[0] for one in drawn))


def _together(guarded: Sequence[Guarded | None]) -> Guarded | None:
    """What was done for all parts of one answer."""
    known = [one for one in guarded if one is not None]
    if not known:
        return None
    return Guarded(
        avoided=tuple(dict.fromkeys(text for one in known for text in one.avoided)),
        left=tuple(dict.fromkeys(text for one in known for text in one.left)),
        barred=any(one.barred for one in known),
    )


def _promoted() -> str | None:
    """The promoted reference; None also where the pointer is broken, which the start-up choice then says."""
    try:
        return promoted_ref()
    except ModelDamaged:
        return None
