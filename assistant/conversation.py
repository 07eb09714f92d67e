"""THE use case, called by screen and command line alike: a conversation and a way of asking become a stored answer.

Text -> dialogue -> prompt(s) within the model's window -> engine -> completions in the store. A conversation that does
not fit is answered in parts, never cut. Knows no terminal, no SQL and no model library.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from assistant.dialogue import render_turns, split
from assistant.engine.client import Engine
from assistant.engine.protocol import Finished, Loaded, Piece, Progress, check_settings
from assistant.engine.tokens import token_counter
from assistant.errors import Interrupted
from assistant.feedback.store import Store
from assistant.models.registry import choose, choose_backend, resolve
from assistant.prompts import MODES, DialogueTooLong, load_shots, render, split_reasoning

# Ask and Answer are what callers of this module hand in and get back: they are named here too.
from assistant.records import Answer as Answer
from assistant.records import Ask as Ask
from assistant.records import (
    BackendName,
    Completion,
    Dialogue,
    Draft,
    GenerationSettings,
    ModelVersion,
    Prompt,
)
from assistant.settings import Settings

OnProgress = Callable[[Progress], None]

_TOKENS_PER_WORD = 1.4
"""English words in the vocabularies of T5 and pocket take 1.2 to 1.4 tokens; the larger leaves room to finish."""


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

    def load(
        self, ref: str | None = None, backend: BackendName | None = None, on_progress: OnProgress | None = None
    ) -> Loaded:
        """Serve a model: the one named, or the start-up choice; `why` then says in a sentence how it was chosen."""
        model, self.why = self.choice(ref)
        chosen = backend or choose_backend(self.settings, model)
        return self._engine.load(model, chosen, self.settings.model.threads, on_progress)

    def choice(self, ref: str | None = None) -> tuple[ModelVersion, str]:
        """The model that `load` would serve, and why."""
        if ref:
            return resolve(ref, self.settings), f"{ref} was asked for"
        return choose(self.settings)

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
        serving = self._engine.loaded
        model = serving.model if serving and ref is None else self.choice(ref)[0]
        try:
            return [_prompt(render_turns(dialogue), ask, model)]
        except DialogueTooLong:
            # Shots are dropped before a conversation is split: a part may fill all that the bare instruction leaves.
            instruction = _prompt("", msgspec.structs.replace(ask, mode=_without_shots(ask.mode)), model)
            parts = split(dialogue, model.window - instruction.tokens, token_counter(model.folder))
            return [_prompt(part.text, ask, model) for part in parts]

    def answer(self, dialogue: Dialogue, ask: Ask, on_progress: OnProgress | None = None) -> Answer:
        """Ask about the conversation, store what came back, and return it."""
        return self.answers([dialogue], ask, on_progress)[0]

    def answers(self, dialogues: Sequence[Dialogue], ask: Ask, on_progress: OnProgress | None = None) -> list[Answer]:
        """Ask about many conversations in one batch."""
        prompts = [self.prompts(dialogue, ask) for dialogue in dialogues]
        settings = drawn_for(ask, max(map(len, prompts)))
        check_settings(settings)
        flat = [prompt.text for group in prompts for prompt in group]
        self._serving()
        finished = self._engine.generate(flat, settings, on_progress)
        answers, start = [], 0
        for dialogue, group in zip(dialogues, prompts, strict=True):
            end = start + len(group)
            part = msgspec.structs.replace(
                finished,
                drafts=finished.drafts[start:end],
                prompt_tokens=finished.prompt_tokens[start:end],
                # The batch's time is shared out evenly: its members were not timed one by one.
                seconds=finished.seconds * len(group) / len(flat),
            )
            answers.append(self._keep(dialogue, ask, settings, group, part))
            start = end
        return answers

    def stream(self, dialogue: Dialogue, ask: Ask) -> Iterator[Piece | Answer]:
        """The same for one conversation, piece by piece; the answer comes last. Parts come one after another."""
        prompts = self.prompts(dialogue, ask)
        settings = drawn_for(msgspec.structs.replace(ask, words=None), len(prompts))
        check_settings(settings, stream=True)
        self._serving()
        finished: list[Finished] = []
        for number, prompt in enumerate(prompts):
            for reply in self._engine.stream(prompt.text, settings):
                if isinstance(reply, Finished):
                    finished.append(reply)
                else:
                    yield reply
            if finished[-1].drafts[0][0].finished == "cancelled":
                prompts = prompts[: number + 1]
                break
            if number + 1 < len(prompts):
                yield Piece(id=finished[-1].id, text="\n\n")
        yield self._keep(dialogue, ask, settings, prompts, _joined(finished))

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

    def _keep(
        self,
        dialogue: Dialogue,
        ask: Ask,
        settings: GenerationSettings,
        prompts: Sequence[Prompt],
        finished: Finished,
    ) -> Answer:
        """Make completions of the drafts and store them before anybody sees the answer as done.

        Raises Interrupted where it was cancelled before any of it was written.
        """
        prompts, finished = _reached(prompts, finished)
        drawn = settings.decoding == "sample"
        kept = msgspec.structs.replace(settings, seed=finished.seed if drawn else None)
        whole = _new_id()
        parts: tuple[Completion, ...] = ()
        if len(prompts) > 1:
            parts = tuple(
                msgspec.structs.replace(
                    self._completion(prompt, kept, drafts[0], finished.seconds / len(prompts)),
                    prompt_tokens=tokens,
                    part_of=whole,
                )
                for prompt, drafts, tokens in zip(prompts, finished.drafts, finished.prompt_tokens, strict=True)
            )
        written = _across_parts(finished.drafts)
        if ask.words:
            written = _nearest(written, ask.words)[: ask.settings.drafts]
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
            self._store.add_completions([*drafts, *parts])
        dropped = max(prompt.shots_dropped for prompt in prompts)
        return Answer(drafts=drafts, parts=parts, turns=len(dialogue.turns), shots_dropped=dropped)

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


def drawn_for(ask: Ask, parts: int) -> GenerationSettings:
    """The settings that a text is really drawn with: `words` becomes limits in tokens and more drafts to choose from.

    A conversation in parts is given its words in equal shares.
    """
    if not ask.words:
        return ask.settings
    tokens = ask.words / parts * _TOKENS_PER_WORD
    beams = max(ask.settings.beams, 6)
    candidates = max(ask.settings.drafts, 6)
    return msgspec.structs.replace(
        ask.settings,
        decoding="beam" if ask.settings.decoding == "greedy" else ask.settings.decoding,
        beams=max(beams, candidates),
        drafts=candidates,
        min_new_tokens=max(1, round(0.75 * tokens)),
        max_new_tokens=max(2, round(1.5 * tokens) + 4),
    )


def _nearest(drafts: Sequence[Draft], words: int) -> list[Draft]:
    """The drafts that ended by themselves before those cut off, each by distance from the wanted number of words."""
    return sorted(drafts, key=lambda draft: (draft.finished != "end", abs(len(draft.text.split()) - words)))


def _prompt(dialogue: str, ask: Ask, model: ModelVersion) -> Prompt:
    return render(
        dialogue,
        mode=ask.mode,
        task=ask.task,
        phrasing=ask.phrasing,
        shots=load_shots(),
        budget=model.window,
        count_tokens=token_counter(model.folder),
    )


def _new_id() -> str:
    return secrets.token_hex(6)


def _without_shots(mode: str) -> str:
    return mode if MODES[mode].reasoning else "zero-shot"


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


def _joined(finished: Sequence[Finished]) -> Finished:
    """The replies for the parts of one conversation as one."""
    return Finished(
        id=finished[0].id,
        drafts=tuple(reply.drafts[0] for reply in finished),
        seed=finished[0].seed,
        prompt_tokens=tuple(reply.prompt_tokens[0] for reply in finished),
        seconds=sum(reply.seconds for reply in finished),
    )
