"""The main use case, called by screen and command line: turns a conversation and a request into a stored answer.

Dialogue -> prompts and drafts (`assistant.drafting`) -> completions in the store. A conversation that does not fit the
window is answered in parts, never cut.
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
from assistant.drafting.combining import Combined, combine
from assistant.drafting.parts import across_parts, joined, reached, slice_of, together
from assistant.drafting.quoting import quote_turns
from assistant.engine.client import Engine
from assistant.engine.protocol import Loaded, Piece, Progress, check_settings
from assistant.errors import Interrupted, ModelDamaged, UsageError
from assistant.feedback.store import Store
from assistant.models.registry import choose, choose_backend, promoted_ref, resolve
from assistant.prompts import MODES, join_own, split_reasoning
from assistant.records import (
    QUOTE,
    BackendName,
    Completion,
    Dialogue,
    Draft,
    GenerationSettings,
    ModelVersion,
    Prompt,
)

# Callers of this module use Ask and Answer, so they are exported here too.
from assistant.records import Answer as Answer
from assistant.records import Ask as Ask
from assistant.settings import Settings

OnProgress = Callable[[Progress], None]


class Assistant:
    """One loaded model and one store. Thread-safe; requests wait for each other."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store | None = None,
        on_notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        join_own()
        self.settings = settings
        self.why = ""
        self._store = store
        self._engine = Engine(on_notice=on_notice)
        self._follows = False
        self._promoted: str | None = None

    def load(
        self, ref: str | None = None, backend: BackendName | None = None, on_progress: OnProgress | None = None
    ) -> Loaded:
        """Load the model named, or by default the one chosen by the settings; `why` then says how it was chosen."""
        self._follows = ref is None and self.settings.model.ref in {"auto", "current"}
        self._promoted = _promoted()
        model, self.why = self.choice(ref)
        chosen = backend or choose_backend(self.settings, model)
        return self._engine.load(model, chosen, self.settings.model.threads, on_progress)

    def choice(self, ref: str | None = None) -> tuple[ModelVersion, str]:
        """Return the model that `load` would load, and why."""
        if ref:
            return resolve(ref, self.settings), f"{ref} was asked for"
        return choose(self.settings)

    def has_moved(self) -> bool:
        """Whether another model was promoted since the default choice was loaded; `load()` then switches to it, after
        the current answer. A model loaded by name stays.
        """
        return self._follows and _promoted() != self._promoted

    @property
    def loaded(self) -> Loaded | None:
        """The loaded model, None before the first load."""
        return self._engine.loaded

    @property
    def engine(self) -> Engine:
        """The engine, for the other use cases."""
        return self._engine

    @property
    def store(self) -> Store | None:
        """The store for answers, None if there is none."""
        return self._store

    def prompts(self, dialogue: Dialogue, ask: Ask, ref: str | None = None) -> list[Prompt]:
        """Return the exact prompts: one if the conversation fits the window, else one per part. Loads no model.

        `ref` names the model whose window and tokenizer are used; by default the loaded or default one.
        """
        return [part.prompt for part in self._parts(dialogue, ask, ref)]

    def answer(self, dialogue: Dialogue, ask: Ask, on_progress: OnProgress | None = None) -> Answer:
        """Ask about the conversation, store the answer, and return it."""
        return self.answers([dialogue], ask, on_progress)[0]

    def answers(self, dialogues: Sequence[Dialogue], ask: Ask, on_progress: OnProgress | None = None) -> list[Answer]:
        """Ask about several conversations in one batch."""
        check_settings(aim(ask.settings, ask.words, ask.wish))
        self._serving()
        groups = [self._parts(dialogue, ask) for dialogue in dialogues]
        if self._must_quote(ask):
            return [self._quote(dialogue, ask, group) for dialogue, group in zip(dialogues, groups, strict=True)]
        answers = []
        for dialogue, group, drawn in zip(dialogues, groups, self._draw(groups, ask, on_progress), strict=True):
            combined = self._combine(ask, drawn, on_progress) if self._combines(ask, group) else None
            answers.append(self._keep(dialogue, ask, group, drawn, combined))
        return answers

    def stream(self, dialogue: Dialogue, ask: Ask) -> Iterator[Piece | Answer]:
        """Answer about one conversation as a stream of pieces, then the answer. Parts follow one another.

        Length and wishes are ignored here: `can_stream` says whether the answer would equal that of `answer`.
        """
        check_settings(ask.settings, stream=True)
        self._serving()
        parts = self._parts(dialogue, ask)
        if self._must_quote(ask):
            quoted = self._quote(dialogue, ask, parts)
            yield Piece(id=0, text=quoted.completion.answer)
            yield quoted
            return
        if self._combines(ask, parts):
            whole = self.answer(dialogue, ask)
            yield Piece(id=0, text=whole.completion.answer)
            yield whole
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
        yield self._keep(dialogue, ask, parts, joined(drawn))

    def refine(
        self, dialogue: Dialogue, ask: Ask, answer: str, wish: str, on_progress: OnProgress | None = None
    ) -> Answer:
        """Answer again with a wish about the answer: "shorter", "longer", "20 words", a name in STYLES, or a sentence
        such as "focus on the refund". A screen that makes its own request uses `refine(ask, answer, wish)`.
        """
        return self.answer(dialogue, refine(ask, answer, wish), on_progress)

    def cancel(self) -> None:
        """Cancel the running request; what it wrote is kept."""
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

    def _draw(self, groups: Sequence[Sequence[PartPrompt]], ask: Ask, on_progress: OnProgress | None) -> list[Drawn]:
        """Draw texts for all conversations in one batch. A target length is divided among a conversation's parts, so
        with one there is a batch for each number of parts.
        """
        found: dict[int, Drawn] = {}
        for size in sorted({len(group) for group in groups}) if ask.words else [0]:
            places = [place for place, group in enumerate(groups) if size in (0, len(group))]
            flat = [part for place in places for part in groups[place]]
            words = max(1, round(ask.words / size)) if ask.words else None
            drawn, start = draw(self._engine, flat, ask.settings, words, ask.wish, on_progress), 0
            for place in places:
                end = start + len(groups[place])
                # The batch's time is divided evenly, because its members were not timed.
                found[place] = slice_of(drawn, start, end, len(groups[place]) / len(flat))
                start = end
        return [found[place] for place in range(len(groups))]

    def _combines(self, ask: Ask, parts: Sequence[PartPrompt]) -> bool:
        """Whether to combine the answers of several parts into one. Only models that pass the reading test do: smaller
        ones do worse than the parts' answers side by side (docs/benchmarks.md).
        """
        is_single = ask.task == "summary" and ask.settings.drafts == 1 and not MODES[ask.mode].reasoning
        return len(parts) > 1 and is_single and can_answer(self._engine, self._serving().model)

    def _combine(self, ask: Ask, drawn: Drawn, on_progress: OnProgress | None) -> Combined | None:
        drafts = drawn.finished.drafts
        if any(not some or some[0].finished == "cancelled" for some in drafts):
            return None
        try:
            return combine(self._engine, self._serving().model, [some[0].text for some in drafts], ask, on_progress)
        except Interrupted:
            return None

    def _must_quote(self, ask: Ask) -> bool:
        """Whether the loaded model is too small for the request, so that turns are quoted instead.

        Raises UsageError for an instruction, which quoting cannot answer.
        """
        model = self._serving().model
        if ask.task not in ("question", "instruction") or can_answer(self._engine, model):
            return False
        if ask.task == "instruction":
            raise UsageError(
                f"{model.ref} cannot follow instructions: it failed a test of simple questions; choose a larger "
                "model, such as google/flan-t5-base"
            )
        return True

    def _quote(self, dialogue: Dialogue, ask: Ask, parts: Sequence[PartPrompt]) -> Answer:
        """Quote the turns most similar to the question, stored like an answer; no model writes it."""
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
            self._store.completions.add([completion])
        return Answer(drafts=(completion,), turns=len(dialogue.turns))

    def _keep(
        self,
        dialogue: Dialogue,
        ask: Ask,
        parts: Sequence[PartPrompt],
        drawn: Drawn,
        combined: Combined | None = None,
    ) -> Answer:
        """Turn the drafts into completions and store them before the answer is shown as done. The prompt of the whole
        answer is the combining one, or those of all parts.

        Raises Interrupted if it was cancelled before anything was written.
        """
        prompts, finished = reached([part.prompt for part in parts], drawn.finished)
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
        written, prompt, tokens = across_parts(finished.drafts), "\f".join(p.text for p in prompts), 0
        if combined:
            written, prompt = list(combined.drawn.finished.drafts[0]), combined.part.prompt.text
            tokens = combined.part.prompt.tokens
        drafts = tuple(
            msgspec.structs.replace(
                self._completion(prompts[0], kept, draft, finished.seconds),
                id=whole if index == 0 else _new_id(),
                prompt=prompt,
                prompt_tokens=tokens or sum(finished.prompt_tokens),
                draft_of=whole if len(written) > 1 else "",
                draft_index=index,
            )
            for index, draft in enumerate(written)
        )
        if self._store is not None:
            self._store.completions.add([*drafts, *pieces])
        dropped = max(prompt.shots_dropped for prompt in prompts)
        return Answer(
            drafts=drafts,
            parts=pieces,
            turns=len(dialogue.turns),
            shots_dropped=dropped,
            guarded=together(combined.drawn.guarded if combined else drawn.guarded),
            combined=combined is not None,
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


def _promoted() -> str | None:
    """Return the promoted reference; None also if the pointer is damaged, which the default choice reports."""
    try:
        return promoted_ref()
    except ModelDamaged:
        return None
