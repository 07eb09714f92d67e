"""Test doubles for the assistant and the engine, with scripted answers."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from assistant.conversation import Answer, Ask
from assistant.dialogue import render_turns
from assistant.engine.protocol import Finished, Loaded, Piece, Progress, Scored
from assistant.errors import AssistantError, Interrupted
from assistant.feedback.store import Store
from assistant.prompts import load_shots, render
from assistant.records import Completion, Dialogue, Draft, GenerationSettings, ModelVersion, Prompt

MODEL = ModelVersion(ref="pocket", folder="", kind="bundled", window=512)


class ScriptedAssistant:
    """Answers every request with the same drafts, word by word if streamed; counts a word as a token.

    With `hold_after`, it waits for `go` after that many words; with `hold_loading`, before it has loaded. A test can
    look at the screen meanwhile.
    """

    def __init__(
        self,
        *texts: str,
        hold_after: int | None = None,
        hold_loading: bool = False,
        error: AssistantError | None = None,
        load_error: AssistantError | None = None,
    ) -> None:
        self.texts = texts or ("Maya moves the review to Friday and Tom books the room.",)
        self.why = "pocket is bundled"
        self.asked: list[tuple[Dialogue, Ask]] = []
        self.models: list[str | None] = []
        self.go = threading.Event()
        self.closed = False
        self.loaded: Loaded | None = None
        self._hold_after = hold_after
        self._hold_loading = hold_loading
        self._error = error
        self._load_error = load_error
        self._cancelled = threading.Event()
        self._id = secrets.token_hex(3)

    def load(
        self, ref: str | None = None, backend: object = None, on_progress: Callable[[Progress], None] | None = None
    ) -> Loaded:
        self.models.append(ref)
        if self._hold_loading:
            self.go.wait(10)
        if self._load_error:
            raise self._load_error
        model = msgspec.structs.replace(MODEL, ref=ref or MODEL.ref)
        self.loaded = Loaded(id=1, model=model, backend="ctranslate", backend_version="1", seconds=0.0)
        return self.loaded

    def has_moved(self) -> bool:
        return False

    def prompts(self, dialogue: Dialogue, ask: Ask, ref: str | None = None) -> list[Prompt]:
        text = render_turns(dialogue)
        lines = text.split("\n")
        parts = ["\n".join(lines[start : start + 100]) for start in range(0, len(lines), 100)]
        return [self._prompt(part, ask) for part in parts]

    def answer(self, dialogue: Dialogue, ask: Ask, on_progress: Callable[[Progress], None] | None = None) -> Answer:
        self._begin(dialogue, ask)
        if self._hold_after is not None:
            while not self.go.wait(0.01):
                if self._cancelled.is_set():
                    raise Interrupted("stopped; this text could not be kept")
        return self._answer(dialogue, ask, self.texts[: ask.settings.drafts])

    def stream(self, dialogue: Dialogue, ask: Ask) -> Iterator[Piece | Answer]:
        self._begin(dialogue, ask)
        said = ""
        for number, word in enumerate(self.texts[0].split(" ")):
            while number == self._hold_after and not self._cancelled.is_set() and not self.go.wait(0.01):
                pass
            if self._cancelled.is_set():
                break
            piece = word if not said else f" {word}"
            said += piece
            yield Piece(id=1, text=piece)
        yield self._answer(dialogue, ask, [said])

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        self.closed = True
        self.cancel()
        self.go.set()

    def _begin(self, dialogue: Dialogue, ask: Ask) -> None:
        self._cancelled.clear()
        self.asked.append((dialogue, ask))
        if self._error:
            raise self._error

    def _prompt(self, text: str, ask: Ask) -> Prompt:
        return render(
            text,
            mode=ask.mode,
            task=ask.task,
            request=ask.request,
            wish=ask.wish,
            shots=load_shots(),
            budget=2_000,
            count_tokens=lambda prompt: len(prompt.split()),
        )

    def _answer(self, dialogue: Dialogue, ask: Ask, texts: Sequence[str]) -> Answer:
        prompts = self.prompts(dialogue, ask)
        finished = "cancelled" if self._cancelled.is_set() else "end"
        number = len(self.asked)
        drafts = tuple(
            Completion(
                id=f"answer{self._id}{number}{'abcdefgh'[index]}",
                created="2026-01-01T00:00:00Z",
                prompt="\f".join(prompt.text for prompt in prompts),
                mode=ask.mode,
                task=ask.task,
                prompt_version=prompts[0].version,
                model=self.loaded.model.ref if self.loaded else "pocket",
                backend="ctranslate",
                backend_version="1",
                settings=ask.settings,
                answer=text,
                finished=finished,
                prompt_tokens=sum(prompt.tokens for prompt in prompts),
                completion_tokens=len(text.split()),
                seconds=0.8,
                draft_of=f"answer{self._id}{number}a" if len(texts) > 1 else "",
                draft_index=index,
            )
            for index, text in enumerate(texts)
        )
        self._keep(drafts)
        return Answer(drafts=drafts, turns=len(dialogue.turns))

    def _keep(self, drafts: Sequence[Completion]) -> None:
        with Store.open() as store:
            store.completions.add(drafts)


class ScriptedAssistantWithoutStore(ScriptedAssistant):
    """Stores nothing, as the real assistant does if the store cannot be opened."""

    def _keep(self, drafts: Sequence[Completion]) -> None:
        pass


class ScriptedEngine:
    """A double of `assistant.engine.client.Engine` for tests that need a model that is good at something.

    It writes `reply(prompt)` for each prompt, and gives each token of a completion `likes(prompt, completion)` nats. If
    `model` is None, nothing is loaded until `load`.
    """

    def __init__(
        self,
        model: ModelVersion | None,
        reply: Callable[[str], str],
        likes: Callable[[str, str], float] = lambda prompt, text: 0.0,
    ) -> None:
        self.loaded: Loaded | None = None
        self.closed = False
        self._reply = reply
        self._likes = likes
        if model:
            self.load(model)

    def load(self, model: ModelVersion, *_: object) -> Loaded:
        self.loaded = Loaded(id=1, model=model, backend="ctranslate", backend_version="1", seconds=0.0)
        return self.loaded

    def generate(self, prompts: Sequence[str], settings: GenerationSettings, *_: object) -> Finished:
        drafts = tuple((Draft(text=self._reply(prompt), tokens=1),) * settings.drafts for prompt in prompts)
        return Finished(id=1, drafts=drafts, seed=0, prompt_tokens=(1,) * len(drafts), seconds=0.0)

    def stream(self, prompt: str, settings: GenerationSettings, *_: object) -> Iterator[Piece | Finished]:
        finished = self.generate([prompt], settings)
        for number, word in enumerate(finished.drafts[0][0].text.split(" ")):
            yield Piece(id=1, text=word if number == 0 else f" {word}")
        yield finished

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> Scored:
        pairs = zip(prompts, completions, strict=True)
        rows = tuple((self._likes(prompt, text),) * len(text.split()) for prompt, text in pairs)
        return Scored(id=1, token_log_probabilities=rows)

    def close(self) -> None:
        self.closed = True
