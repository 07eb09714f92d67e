"""The fast backend for CPUs: runs an int8 conversion of the model with CTranslate2."""

import ctypes
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ctranslate2

from assistant.engine.conversion import ensure_converted
from assistant.engine.protocol import OnProgress, Progress
from assistant.engine.threads import Layout, Plan, make_plan
from assistant.engine.tokens import EOS, GrowingText, ModelTokenizer
from assistant.errors import ModelDamaged
from assistant.records import BackendName, Draft, GenerationSettings, ModelVersion

_SCORED_AT_ONCE = 16
_WRITTEN_AT_ONCE = 8
"""Texts that one worker generates together: decoding is bound by reading the weights, which they share."""
_ROUNDS = 3
_TIMED_PROMPT, _TIMED_TEXT = 96, 12
"""Tokens of the prompt and of the text used to measure the best number of threads."""


def load(model: ModelVersion, threads: int, on_progress: OnProgress) -> "CTranslateBackend":
    """Load the model's conversion, making it if necessary, with the thread layout that is fastest here."""
    folder = ensure_converted(model, on_progress)
    on_progress(Progress(stage="loading"))
    tokenizer = ModelTokenizer(Path(model.folder))

    def seconds(layout: Layout) -> tuple[float, float]:
        on_progress(Progress(stage="measuring speed"))
        return _seconds(_open(folder, layout), tokenizer, layout)

    return CTranslateBackend(tokenizer, folder, make_plan(folder, threads, seconds))


class CTranslateBackend:
    """A loaded CTranslate2 conversion."""

    name: BackendName = "ctranslate"
    version: str = ctranslate2.__version__

    def __init__(self, tokenizer: ModelTokenizer, folder: Path, plan: Plan) -> None:
        self._tokenizer = tokenizer
        self._folder = folder
        self._plan = plan
        self._layout = plan.one
        self._translator = _open(folder, plan.one)
        self._has_drawn = False
        self._wrote_many = False
        self.batch = 2 * _WRITTEN_AT_ONCE * plan.many.workers

    def generate(
        self,
        prompts: Sequence[str],
        settings: GenerationSettings,
        seed: int,
        *,
        on_piece: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        barred: Sequence[int] = (),
    ) -> list[list[Draft]]:
        """Return drafts for every prompt. Beam search cannot be cancelled: the library has no way to."""
        self._arrange(len(prompts))
        if settings.decoding == "sample":
            self._reseed(seed)
        growing = GrowingText(self._tokenizer, on_piece) if on_piece else None

        def on_token(step: Any) -> bool:
            if growing and step.token != EOS:
                growing.add(step.token_id)
            return cancelled()

        results = self._translator.translate_batch(
            [self._pieces(prompt) for prompt in prompts],
            callback=None if settings.decoding == "beam" else on_token,
            max_batch_size=self._share(len(prompts), _WRITTEN_AT_ONCE),
            suppress_sequences=[[piece] for piece in self._tokenizer.pieces(barred)] or None,
            **_options(settings),
        )
        was_cancelled = settings.decoding != "beam" and cancelled()
        drafts = [
            [
                self._draft(pieces, score, settings, was_cancelled)
                for pieces, score in zip(result.hypotheses, result.scores, strict=True)
            ]
            for result in results
        ]
        if growing:
            growing.finish(drafts[0][0].text)
        return drafts

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> list[list[float]]:
        """Return the log-probability in nats of every token of each completion, `</s>` included."""
        self._arrange(len(prompts))
        results = self._translator.score_batch(
            [self._pieces(prompt) for prompt in prompts],
            # The library adds the final `</s>`.
            [self._pieces(completion)[:-1] for completion in completions],
            max_input_length=0,
            max_batch_size=self._share(len(prompts), _SCORED_AT_ONCE),
        )
        return [list(result.log_probs) for result in results]

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, `</s>` included."""
        return self._tokenizer.count(text)

    def prepare(self) -> None:
        """Open a new Translator after sampling, because a used one cannot be reseeded, and free the
        memory of a batch.
        """
        if self._has_drawn:
            self._reopen(self._layout)
        if self._wrote_many:
            _trim_memory()
            self._wrote_many = False

    def _arrange(self, texts: int) -> None:
        """Switch to the layout for this number of texts."""
        self._wrote_many = self._wrote_many or texts > 1
        layout = self._plan.many if texts > 1 else self._plan.one
        # A layout for many texts also serves one text if it has the same number of threads.
        if layout.threads != self._layout.threads or layout.workers > self._layout.workers:
            self._reopen(layout)

    def _share(self, texts: int, most: int) -> int:
        """Return the batch size that gives every worker some texts."""
        return min(most, -(-texts // self._layout.workers))

    def _reopen(self, layout: Layout) -> None:
        del self._translator
        self._translator = _open(self._folder, layout)
        self._layout = layout
        self._has_drawn = False

    def _pieces(self, text: str) -> list[str]:
        return self._tokenizer.pieces(self._tokenizer.encode(text))

    def _reseed(self, seed: int) -> None:
        """Set the seed. It affects only generators created later, and each Translator's thread creates one at its first
        sample.
        """
        if self._has_drawn:
            self._reopen(self._layout)
        ctranslate2.set_random_seed(seed)
        self._has_drawn = True

    def _draft(self, pieces: list[str], score: float, settings: GenerationSettings, was_cancelled: bool) -> Draft:
        """Return a draft. `score` is the sum of log-probabilities divided by length **
        length_penalty, `</s>` counted.
        """
        ended = bool(pieces) and pieces[-1] == EOS
        length = max(1, len(pieces))
        ids = self._tokenizer.ids(pieces[:-1] if ended else pieces)
        return Draft(
            text=self._tokenizer.decode(ids),
            tokens=len(pieces),
            # A repetition penalty alters the score, which is then no log-probability.
            score=score * length ** (settings.length_penalty - 1) if settings.repetition_penalty == 1 else None,
            finished="end" if ended else "cancelled" if was_cancelled else "length",
        )


def _options(settings: GenerationSettings) -> dict[str, Any]:
    """Return the settings under the library's names. Its defaults cut inputs at 1,024 tokens and use two beams."""
    options: dict[str, Any] = {
        "beam_size": settings.beams if settings.decoding == "beam" else 1,
        "num_hypotheses": settings.drafts,
        "max_input_length": 0,
        "max_decoding_length": settings.max_new_tokens,
        "min_decoding_length": settings.min_new_tokens,
        "repetition_penalty": settings.repetition_penalty,
        "no_repeat_ngram_size": settings.no_repeat_ngram,
        "length_penalty": settings.length_penalty,
        "return_scores": True,
        "return_end_token": True,
    }
    if settings.decoding == "sample":
        options["sampling_topk"] = settings.top_k
        options["sampling_topp"] = settings.top_p
        options["sampling_temperature"] = settings.temperature
    return options


def _open(folder: Path, layout: Layout) -> ctranslate2.Translator:
    try:
        # The saved type, or the next best if the processor has no fast int8.
        return ctranslate2.Translator(
            str(folder),
            device="cpu",
            compute_type="default",
            inter_threads=layout.workers,
            intra_threads=layout.threads,
        )
    except (RuntimeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise ModelDamaged(f"the conversion in {folder} cannot be read ({line}): remove that folder") from error


def _seconds(translator: ctranslate2.Translator, tokenizer: ModelTokenizer, layout: Layout) -> tuple[float, float]:
    """Return the minimum seconds for one text, and for two texts per core together, with the
    default number of beams.
    """
    prompt = tokenizer.pieces((tokenizer.encode("the ") * _TIMED_PROMPT)[:_TIMED_PROMPT])
    cores = layout.workers * layout.threads

    def seconds(texts: int) -> float:
        start = time.perf_counter()
        translator.translate_batch(
            [prompt] * texts,
            max_batch_size=max(1, texts // layout.workers),
            beam_size=GenerationSettings().beams,
            max_input_length=0,
            min_decoding_length=_TIMED_TEXT,
            max_decoding_length=_TIMED_TEXT,
        )
        return time.perf_counter() - start

    # The first run of each is a warm-up.
    return min([seconds(1) for _ in range(1 + _ROUNDS)][1:]), min([seconds(2 * cores) for _ in range(1 + _ROUNDS)][1:])


def _trim_memory() -> None:
    """Return freed memory to the system. Otherwise glibc keeps over 100 MiB after a batch of eight
    with flan-t5-base.
    """
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
