"""The child process that holds the model: reads requests from standard input and answers until the pipe closes.

A listener thread receives the requests, so that a cancel arrives while a text is being written. The process ends when
its parent does.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator

import msgspec

from assistant.engine.backends import BACKENDS
from assistant.engine.conversion import ensure_converted
from assistant.engine.pipe import PipeClosed, Receiver, Sender
from assistant.engine.precision import QUANTIZING, read_precision
from assistant.engine.protocol import (
    Backend,
    Cancel,
    Close,
    Draft,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Piece,
    Progress,
    Request,
    Score,
    Scored,
    Written,
)
from assistant.errors import AssistantError, ModelMissing
from assistant.records import ModelVersion


class Worker:
    """Answers requests one at a time."""

    def __init__(self, receiver: Receiver[Request], sender: Sender) -> None:
        self._receiver = receiver
        self._send = sender.send
        self._waiting: queue.SimpleQueue[Load | Generate | Score] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._backend: Backend | None = None

    def run(self) -> None:
        """Answer until the client closes the pipe; then the process exits, even in the middle of a request."""
        threading.Thread(target=self._listen, daemon=True, name="listener").start()
        while True:
            request = self._waiting.get()
            try:
                self._answer(request)
                if self._backend and self._waiting.empty():
                    self._backend.prepare()
            except PipeClosed:
                return
            except AssistantError as error:
                self._send(Failed(id=request.id, kind=type(error).__name__, message=str(error)))
            except Exception as error:  # noqa: BLE001 - any library error becomes an answer; the log has the traceback
                traceback.print_exc()
                message = f"the model failed: {_reason(error)}"
                self._send(Failed(id=request.id, kind="AssistantError", message=message))

    def _listen(self) -> None:
        try:
            while (request := self._receiver.receive()) is not None:
                match request:
                    case Cancel():
                        self._cancelled.add(request.id)
                    case Close():
                        break
                    case _:
                        self._waiting.put(request)
        except PipeClosed:
            pass
        os._exit(0)

    def _answer(self, request: Load | Generate | Score) -> None:
        match request:
            case Load():
                self._load(request)
            case Generate():
                self._generate(request)
            case Score():
                rows = self._model().score(request.prompts, request.completions)
                self._send(Scored(id=request.id, token_log_probabilities=tuple(tuple(row) for row in rows)))

    def _model(self) -> Backend:
        if self._backend is None:
            raise ModelMissing("no model is loaded yet")
        return self._backend

    def _load(self, request: Load) -> None:
        start = time.monotonic()
        self._backend = None  # frees the old weights before the new ones load

        stages: list[str] = []

        def on_progress(progress: Progress) -> None:
            stages.append(progress.stage)
            self._send(msgspec.structs.replace(progress, id=request.id))

        self._backend = BACKENDS[request.backend](request.model, request.threads, on_progress)
        self._send(
            Loaded(
                id=request.id,
                model=request.model,
                backend=request.backend,
                backend_version=self._backend.version,
                seconds=time.monotonic() - start,
                notice=_precision_notice(request.model) if QUANTIZING in stages else "",
            )
        )

    def _generate(self, request: Generate) -> None:
        start = time.monotonic()
        model = self._model()
        seed = request.settings.seed or 0
        counts = [model.count_tokens(prompt) for prompt in request.prompts]
        drafts: list[tuple[Draft, ...]] = [()] * len(request.prompts)
        for batch in self._batches(request, counts):
            texts = model.generate(
                [request.prompts[i] for i in batch],
                request.settings,
                seed,
                on_piece=(lambda text: self._send(Piece(id=request.id, text=text))) if request.stream else None,
                cancelled=lambda: request.id in self._cancelled,
                barred=request.barred[batch[0]] if request.barred else (),
            )
            for index, found in zip(batch, texts, strict=True):
                drafts[index] = tuple(found)
                if len(request.prompts) > 1:
                    self._send(Written(id=request.id, index=index, drafts=drafts[index], prompt_tokens=counts[index]))
        self._send(
            Finished(
                id=request.id,
                drafts=tuple(drafts),
                seed=seed,
                prompt_tokens=tuple(counts),
                seconds=time.monotonic() - start,
            )
        )

    def _batches(self, request: Generate, counts: list[int]) -> Iterator[list[int]]:
        """Yield batches of prompt indices, sorted by length to save padding, until the request is cancelled."""
        # Sampling is done one prompt at a time, so that a seed gives the same text alone and in a batch. Barred ids
        # differ by prompt, which no backend supports within a batch.
        size = 1 if request.settings.decoding == "sample" or request.barred else self._model().batch
        order = sorted(range(len(counts)), key=lambda i: counts[i], reverse=True)
        for start in range(0, len(order), size):
            if request.id in self._cancelled:
                return
            yield order[start : start + size]


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MemoryError) or "bad_alloc" in text:
        return "it ran out of memory; close other programs, or choose a smaller model (`assistant models list`)"
    return f"{text}; try again, and if it happens again `assistant doctor` checks the installation"


def _precision_notice(model: ModelVersion) -> str:
    """Return a sentence if the model, just converted, cannot be served as int8 on this processor; else ""."""
    precision = read_precision(ensure_converted(model))
    return f"{model.ref} is {precision.sentence()}." if precision.fell_back else ""


def main() -> None:
    """Serve on standard input and output. Output of libraries goes to the log, not into the messages."""
    # The client handles Ctrl+C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    receiver: Receiver[Request] = Receiver(sys.stdin.fileno(), Request)
    Worker(receiver, Sender(replies)).run()


if __name__ == "__main__":
    main()
