"""The engine's client: starts the worker, sends it requests, and replaces it when it dies. Imports no model library, so
that the screen opens without delay.

One request runs at a time; `cancel` may be called from any thread.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import msgspec

from assistant import errors
from assistant.engine.pipe import PipeClosed
from assistant.engine.process import WorkerProcess
from assistant.engine.protocol import (
    Cancel,
    Draft,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Piece,
    Progress,
    Reply,
    Score,
    Scored,
    Written,
    check_settings,
)
from assistant.engine.tokens import token_counter
from assistant.errors import AssistantError, EngineDied, Interrupted, ModelMissing
from assistant.records import BackendName, GenerationSettings, ModelVersion

_TICK = 0.02
"""Seconds between checks for cancellation."""
_GRACE = 0.1
"""Seconds that a cancelled worker has to answer before it is replaced. A token takes less; a long
prompt may take more.
"""

_Asked = Load | Generate | Score
_Request = TypeVar("_Request", Load, Generate, Score)
_Answer = TypeVar("_Answer", Loaded, Finished, Scored)


class _CutShort(Exception):
    """The request ended without the worker's answer: it was cancelled, or the worker died after showing text."""


class Engine:
    """Runs a model in a worker process. `on_notice` receives a sentence whenever the worker is replaced."""

    def __init__(self, on_notice: Callable[[str], None] = lambda sentence: None) -> None:
        self._on_notice = on_notice
        self._turn_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._last_id = 0
        self._active: _Asked | None = None
        self._reload_id = 0
        self._cancelled_at: float | None = None
        self._closed = False
        self._loaded: Loaded | None = None
        self._threads = 0

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def loaded(self) -> Loaded | None:
        """The loaded model, None before the first load."""
        return self._loaded

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None if there is no worker."""
        return self._process.id if self._process else None

    def load(
        self,
        model: ModelVersion,
        backend: BackendName,
        threads: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Loaded:
        """Load a model, converting it first if necessary. If cancelled, raises Interrupted and keeps the previous
        model.
        """
        with self._turn(Load(id=self._new_id(), model=model, backend=backend, threads=threads)) as request:
            try:
                loaded = _last(self._answers(request), Loaded, on_progress)
            except _CutShort as cut:
                raise Interrupted("loading was cancelled") from cut
            except AssistantError:
                # The worker freed the previous model to make room: reload it.
                if self._loaded:
                    self._restart()
                raise
            self._loaded, self._threads = loaded, threads
            if loaded.notice:
                self._on_notice(loaded.notice)
            return loaded

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        on_progress: Callable[[Progress], None] | None = None,
        on_written: Callable[[Written], None] | None = None,
        barred: Sequence[Sequence[int]] = (),
    ) -> Finished:
        """Generate `settings.drafts` texts for every prompt, in the order of the prompts. `on_written` receives each
        prompt's drafts as soon as they are done. `barred` holds, for each prompt, the ids that its texts may not
        contain.

        If cancelled, a batch returns the drafts so far, with an empty tuple for each prompt not reached, and a single
        text returns what was written of it. Beam search has no partial text: raises Interrupted.
        """
        check_settings(settings)
        prompts = tuple(prompts)
        done: dict[int, Written] = {}
        request = Generate(
            id=self._new_id(), prompts=prompts, settings=_seeded(settings), barred=tuple(map(tuple, barred))
        )
        start = time.monotonic()

        def on_reply(reply: Reply) -> None:
            if isinstance(reply, Written):
                done[reply.index] = reply
                if on_written:
                    on_written(reply)
                if on_progress:
                    on_progress(Progress(id=request.id, stage="writing", done=len(done), total=len(prompts)))

        with self._turn(request):
            try:
                return _last(self._answers(request), Finished, on_progress, on_reply)
            except _CutShort as cut:
                if len(prompts) == 1:
                    raise Interrupted("stopped; this text could not be kept") from cut
                return Finished(
                    id=request.id,
                    drafts=tuple(done[i].drafts if i in done else () for i in range(len(prompts))),
                    seed=request.settings.seed or 0,
                    prompt_tokens=tuple(done[i].prompt_tokens if i in done else 0 for i in range(len(prompts))),
                    seconds=time.monotonic() - start,
                )

    def stream(
        self, prompt: str, settings: GenerationSettings, barred: Sequence[int] = ()
    ) -> Iterator[Piece | Finished]:
        """Yield the pieces of a text as it is written, then Finished. If the request is cancelled or the worker dies,
        Finished holds the text so far. A consumer that stops early cancels the request.
        """
        check_settings(settings, stream=True)
        request = Generate(
            id=self._new_id(),
            prompts=(prompt,),
            settings=_seeded(settings),
            stream=True,
            barred=(tuple(barred),) if barred else (),
        )
        return self._stream(request)

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> Scored:
        """Return the log-probabilities of the completions, pair by pair. If cancelled, raises Interrupted."""
        if len(prompts) != len(completions):
            raise ValueError(f"{len(prompts)} prompts but {len(completions)} completions")
        request = Score(id=self._new_id(), prompts=tuple(prompts), completions=tuple(completions))
        with self._turn(request):
            try:
                return _last(self._answers(request), Scored)
            except _CutShort as cut:
                raise Interrupted("scoring was cancelled") from cut

    def cancel(self) -> None:
        """Cancel the running request, if any. Returns immediately; the request ends within 0.2 s."""
        with self._state_lock:
            process, active = self._process, self._active
            if active is None or self._cancelled_at is not None:
                return
            self._cancelled_at = time.monotonic()
        # The thread that waits for the worker notices if it is gone.
        if process is not None:
            _try_send(process, Cancel(id=active.id))

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, `</s>` included, with the loaded model's tokenizer, in this process."""
        if self._loaded is None:
            raise ModelMissing("no model is loaded yet")
        return token_counter(self._loaded.model.folder)(text)

    def close(self) -> None:
        """End the worker. A request running in another thread raises Interrupted."""
        self._closed = True
        self.cancel()
        # An abandoned stream still holds the lock; it must not block the program's exit.
        has_turn = self._turn_lock.acquire(timeout=1.0)
        self._drop()
        if has_turn:
            self._turn_lock.release()

    def _stream(self, request: Generate) -> Iterator[Piece | Finished]:
        start = time.monotonic()
        written: list[str] = []
        with self._turn(request):
            try:
                for reply in self._answers(request, has_shown=lambda: bool(written)):
                    if isinstance(reply, Piece):
                        written.append(reply.text)
                        yield reply
                    elif isinstance(reply, Finished):
                        yield reply
            except _CutShort:
                text = "".join(written).rstrip()
                draft = Draft(text=text, tokens=self.count_tokens(text) - 1, finished="cancelled")
                yield Finished(
                    id=request.id,
                    drafts=((draft,),),
                    seed=request.settings.seed or 0,
                    prompt_tokens=(self.count_tokens(request.prompts[0]),),
                    seconds=time.monotonic() - start,
                )

    @contextmanager
    def _turn(self, request: _Request) -> Iterator[_Request]:
        """Hold the worker for one request. Abandon the request if its caller leaves before the answer is complete."""
        with self._turn_lock:
            if self._closed:
                raise Interrupted("the engine is closed")
            with self._state_lock:
                self._cancelled_at, self._active = None, request
            try:
                yield request
            finally:
                if self._active is not None:
                    self._abandon(request)
                self._active = None

    def _abandon(self, request: _Asked) -> None:
        """Cancel a request whose caller left, and skip its remaining replies."""
        self.cancel()
        try:
            for _ in self._converse(request):
                pass
        except (PipeClosed, _CutShort, AssistantError):
            self._restart()

    def _answers(self, request: _Asked, has_shown: Callable[[], bool] = lambda: False) -> Iterator[Reply]:
        """Yield the replies to a request. A worker that dies is replaced once, and asked again unless it had shown
        text.
        """
        for attempt in (1, 2):
            try:
                if self._process is None:
                    self._restart()
                self._need().send(request)
                yield from self._converse(request)
                return
            except PipeClosed as gone:
                reason = self._need().how_it_ended()
                if self._cancelled_at is None and attempt == 2:
                    self._drop()
                    self._active = None
                    raise EngineDied(
                        f"the model's process ended twice ({reason}): try a smaller model or a shorter text"
                    ) from gone
                self._restart()
                if self._cancelled_at is None:
                    self._on_notice(f"The model's process ended ({reason}) and was started again.")
                if self._cancelled_at is not None or has_shown():
                    self._active = None
                    raise _CutShort from gone

    def _converse(self, request: _Asked) -> Iterator[Reply]:
        """Yield the replies to a request up to its last. Raises PipeClosed, _CutShort if a cancelled worker takes too
        long, and the error that a Failed names.
        """
        process = self._need()
        while True:
            reply = process.receive(_TICK)
            if reply is None:
                if self._is_overdue(request):
                    self._restart()
                    self._active = None
                    raise _CutShort
            elif reply.id == request.id or self._is_failed_reload(reply, request):
                is_last = isinstance(reply, Loaded | Finished | Scored | Failed)
                if is_last:
                    self._active = None
                if isinstance(reply, Failed):
                    raise _error(reply)
                yield reply
                if is_last:
                    return

    def _is_overdue(self, request: _Asked) -> bool:
        if self._cancelled_at is None:
            return False
        can_stop = isinstance(request, Generate) and request.settings.decoding != "beam"
        return time.monotonic() - self._cancelled_at > (_GRACE if can_stop else 0)

    def _is_failed_reload(self, reply: Reply, request: _Asked) -> bool:
        return reply.id == self._reload_id and isinstance(reply, Failed) and not isinstance(request, Load)

    def _restart(self) -> None:
        """Start a new worker that loads the current model. Nobody waits for its reply; later requests queue."""
        self._drop()
        if self._closed:
            return
        self._process = WorkerProcess()
        if self._loaded:
            self._reload_id = self._new_id()
            reload = Load(
                id=self._reload_id, model=self._loaded.model, backend=self._loaded.backend, threads=self._threads
            )
            _try_send(self._process, reload)

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()

    def _need(self) -> WorkerProcess:
        if self._process is None:
            raise Interrupted("the engine is closed")
        return self._process

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _last(
    replies: Iterator[Reply],
    kind: type[_Answer],
    on_progress: Callable[[Progress], None] | None = None,
    on_reply: Callable[[Reply], None] = lambda reply: None,
) -> _Answer:
    """Return the reply of that kind, and pass on the replies before it."""
    for reply in replies:
        if isinstance(reply, kind):
            return reply
        if isinstance(reply, Progress) and on_progress:
            on_progress(reply)
        on_reply(reply)
    raise AssertionError(f"the worker ended its answer without {kind.__name__}")


def _seeded(settings: GenerationSettings) -> GenerationSettings:
    """Draw the seed here if sampling has none, so that a repeated request gives the same text."""
    if settings.decoding == "sample" and settings.seed is None:
        return msgspec.structs.replace(settings, seed=secrets.randbelow(1 << 31))
    return settings


def _error(failed: Failed) -> AssistantError:
    kind = getattr(errors, failed.kind, AssistantError)
    is_known = isinstance(kind, type) and issubclass(kind, AssistantError)
    return kind(failed.message) if is_known else AssistantError(failed.message)


def _try_send(process: WorkerProcess, message: Load | Cancel) -> None:
    with suppress(PipeClosed):
        process.send(message)
