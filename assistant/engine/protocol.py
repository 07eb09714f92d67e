"""What client and worker say to each other, and what a backend can do. Typed messages over a pipe; knows neither side.

Both ends encode with msgspec's MessagePack: nothing on the pipe is ever unpickled.
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
    """Serve this model from now on. Converts it first where the backend needs that."""

    id: int
    model: ModelVersion
    backend: BackendName
    threads: int = 0


class Generate(Record, frozen=True, tag=True):
    """Write `settings.drafts` texts for every prompt. `stream` asks for pieces as they come: one prompt, one draft,
    no beams. `barred` holds, a tuple a prompt, the ids that its texts may not contain; empty where nothing is barred.
    """

    id: int
    prompts: tuple[str, ...]
    settings: GenerationSettings
    stream: bool = False
    barred: tuple[tuple[int, ...], ...] = ()


class Score(Record, frozen=True, tag=True):
    """The log-probabilities of given completions after given prompts, pair by pair."""

    id: int
    prompts: tuple[str, ...]
    completions: tuple[str, ...]


class Cancel(Record, frozen=True, tag=True):
    """Stop the request of that id and keep what it wrote."""

    id: int


class Close(Record, frozen=True, tag=True):
    """End the worker."""


Request = Load | Generate | Score | Cancel | Close


class Loaded(Record, frozen=True, tag=True):
    """The model is ready. `backend_version` is the library's; `seconds` is how long it took, conversion included."""

    id: int
    model: ModelVersion
    backend: BackendName
    backend_version: str
    seconds: float
    notice: str = ""
    """Something that the user should hear once, such as a conversion that is larger than usual."""


class Progress(Record, frozen=True, tag=True, kw_only=True):
    """Long work goes on: `done` of `total` in a `stage` such as "converting"; total 0 where it is unknown."""

    id: int = 0
    stage: str
    done: int = 0
    total: int = 0


class Piece(Record, frozen=True, tag=True):
    """More text of a streamed draft; the pieces joined are the text so far."""

    id: int
    text: str


class Written(Record, frozen=True, tag=True):
    """The drafts of one prompt of several, as soon as they are there; `index` is its place among the prompts."""

    id: int
    index: int
    drafts: tuple[Draft, ...]
    prompt_tokens: int


class Finished(Record, frozen=True, tag=True):
    """The drafts, one tuple a prompt, in the order of the prompts; the seed that was used.

    After a cancelled batch the tuple of a prompt that was not reached is empty.
    """

    id: int
    drafts: tuple[tuple[Draft, ...], ...]
    seed: int
    prompt_tokens: tuple[int, ...]
    seconds: float


class Scored(Record, frozen=True, tag=True):
    """For every pair the log-probability of each target token, `</s>` included, in nats."""

    id: int
    token_log_probabilities: tuple[tuple[float, ...], ...]


class Failed(Record, frozen=True, tag=True):
    """The request could not be carried out; `kind` is the name of the error in `assistant.errors` and `message` its
    line.
    """

    id: int
    kind: str
    message: str


Reply = Loaded | Progress | Piece | Written | Finished | Scored | Failed


OnProgress = Callable[[Progress], None]


class Backend(Protocol):
    """One way to run a model: BACKENDS maps names to functions that load one.

    `generate` returns `settings.drafts` drafts for every prompt. `on_piece` gets the text that a streamed draft grew
    by; `cancelled` is asked after every token, where the backend can ask. No text contains one of the ids `barred`.
    `prepare` is called when nobody waits, to do then what the next request would wait for. `batch` is how many prompts
    it is best given at a time.
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
    """Raise UsageError with one sentence where the settings are out of range or exclude each other."""
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
