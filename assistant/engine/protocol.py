"""The messages between client and worker, and the interface of a backend. Depends on neither side.

Messages are encoded with msgspec's MessagePack; nothing is ever unpickled.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from assistant.errors import UsageError
from assistant.records import BackendName, Draft, GenerationSettings, ModelVersion, Record

__all__ = [
    "Backend",
    "Cancel",
    "Close",
    "Draft",
    "Failed",
    "Finished",
    "Generate",
    "GenerationSettings",
    "Load",
    "Loaded",
    "OnProgress",
    "Piece",
    "Progress",
    "Reply",
    "Request",
    "Score",
    "Scored",
    "Written",
    "check_settings",
]


class Load(Record, frozen=True, tag=True):
    """Load a model, converting it first if the backend requires it."""

    id: int
    model: ModelVersion
    backend: BackendName
    threads: int = 0


class Generate(Record, frozen=True, tag=True):
    """Generate `settings.drafts` texts for every prompt. `stream` asks for pieces as they are written, and requires one
    prompt, one draft and no beam search. `barred` holds, for each prompt, the ids that its texts may not contain; empty
    if none are barred.
    """

    id: int
    prompts: tuple[str, ...]
    settings: GenerationSettings
    stream: bool = False
    barred: tuple[tuple[int, ...], ...] = ()


class Score(Record, frozen=True, tag=True):
    """Compute the log-probabilities of the completions given the prompts, pair by pair."""

    id: int
    prompts: tuple[str, ...]
    completions: tuple[str, ...]


class Cancel(Record, frozen=True, tag=True):
    """Cancel the request with that id and keep what it wrote."""

    id: int


class Close(Record, frozen=True, tag=True):
    """End the worker."""


Request = Load | Generate | Score | Cancel | Close


class Loaded(Record, frozen=True, tag=True):
    """The model is ready. `backend_version` is that of the library; `seconds` is the loading time,
    conversion included.
    """

    id: int
    model: ModelVersion
    backend: BackendName
    backend_version: str
    seconds: float
    notice: str = ""
    """A message to show the user once, such as that a conversion is larger than usual."""


class Progress(Record, frozen=True, tag=True, kw_only=True):
    """Progress of long work: `done` of `total` in a `stage` such as "converting"; total 0 if it is unknown."""

    id: int = 0
    stage: str
    done: int = 0
    total: int = 0


class Piece(Record, frozen=True, tag=True):
    """More text of a streamed draft; the pieces joined are the text so far."""

    id: int
    text: str


class Written(Record, frozen=True, tag=True):
    """The drafts of one prompt in a batch, sent as soon as they are done; `index` is that of the prompt."""

    id: int
    index: int
    drafts: tuple[Draft, ...]
    prompt_tokens: int


class Finished(Record, frozen=True, tag=True):
    """The drafts, one tuple per prompt in the order of the prompts, and the seed used.

    After a cancelled batch the tuples of prompts not reached are empty.
    """

    id: int
    drafts: tuple[tuple[Draft, ...], ...]
    seed: int
    prompt_tokens: tuple[int, ...]
    seconds: float


class Scored(Record, frozen=True, tag=True):
    """The log-probability in nats of each target token, `</s>` included, for every pair."""

    id: int
    token_log_probabilities: tuple[tuple[float, ...], ...]


class Failed(Record, frozen=True, tag=True):
    """The request failed; `kind` is the name of an error in `assistant.errors`, `message` its text."""

    id: int
    kind: str
    message: str


Reply = Loaded | Progress | Piece | Written | Finished | Scored | Failed


OnProgress = Callable[[Progress], None]


class Backend(Protocol):
    """A loaded model in a backend; BACKENDS maps names to the functions that load one.

    `generate` returns `settings.drafts` drafts for every prompt. `on_piece` receives the new text of a streamed draft;
    `cancelled` is checked after every token, if the backend can. No text contains an id in `barred`. `prepare` is
    called while idle, to do what the next request would otherwise wait for. `batch` is the best number of prompts per
    call.
    """

    name: BackendName
    version: str
    batch: int

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        seed: int,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        barred: Sequence[int] = (),
    ) -> list[list[Draft]]: ...

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> list[list[float]]: ...

    def count_tokens(self, text: str) -> int: ...

    def prepare(self) -> None: ...


Finish = Literal["end", "length", "cancelled"]


def check_settings(settings: GenerationSettings, *, stream: bool = False) -> None:
    """Raise UsageError with one sentence if the settings are out of range or exclude each other."""
    problems = [
        (settings.temperature <= 0, "temperature must be above 0; for no randomness choose greedy decoding"),
        (settings.top_k < 0, "top-k must be 0 (off) or more"),
        (not 0 < settings.top_p <= 1, "top-p must be above 0 and at most 1"),
        (settings.max_new_tokens < 1, "the longest answer (max-new-tokens) must be at least 1 token"),
        (settings.min_new_tokens < 0, "the shortest answer (min-new-tokens) must be 0 tokens or more"),
        (
            settings.min_new_tokens > settings.max_new_tokens,
            "the shortest answer (min-new-tokens) must not exceed the longest (max-new-tokens)",
        ),
        (settings.repetition_penalty <= 0, "the repetition penalty must be above 0; 1 is none"),
        (
            settings.no_repeat_ngram < 0,
            "runs that must not repeat (no-repeat-ngram) need 0 (off) tokens or more",
        ),
        (settings.beams < 1, "beams must be at least 1"),
        (settings.drafts < 1, "drafts must be at least 1"),
        (settings.candidates < 1, "the drafts to choose among (candidates) must be at least 1"),
        (
            settings.decoding == "greedy" and settings.drafts > 1,
            "greedy decoding writes one text only: for several drafts choose sampling or beams",
        ),
        (
            settings.decoding == "beam" and settings.drafts > settings.beams,
            "beam search gives at most as many drafts as beams: raise beams, or sample",
        ),
        (
            stream and (settings.decoding == "beam" or settings.drafts > 1),
            "only a single greedy or sampled draft can be streamed",
        ),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise UsageError(sentence)
