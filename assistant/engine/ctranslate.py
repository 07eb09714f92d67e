"""The fast backend for CPUs: an int8 conversion of the model, run by CTranslate2."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ctranslate2

from assistant.engine.conversion import ensure_converted
from assistant.engine.protocol import OnProgress, Progress
from assistant.engine.tokens import EOS, GrowingText, ModelTokenizer
from assistant.errors import ModelDamaged
from assistant.records import BackendName, Draft, GenerationSettings, ModelVersion

_SCORED_AT_ONCE = 16
_SMALL = 32 << 20
"""Bytes of weights up to which one thread is the fastest: several wait for one another at every layer of every token,
which takes longer than the work itself (docs/benchmarks.md; 11 and 23 MB were measured)."""
_Drafts = dict[tuple[int, int], list[int]]


def load(model: ModelVersion, threads: int, on_progress: OnProgress) -> "CTranslateBackend":
    """The model's conversion, made first where there is none."""
    folder = ensure_converted(model, on_progress)
    on_progress(Progress(stage="loading"))
    return CTranslateBackend(ModelTokenizer(Path(model.folder)), folder, threads or default_threads(folder))


class CTranslateBackend:
    """A loaded conversion."""

    name: BackendName = "ctranslate"
    version: str = ctranslate2.__version__

    def __init__(self, tokenizer: ModelTokenizer, folder: Path, threads: int) -> None:
        self._tokenizer = tokenizer
        self._folder = folder
        self._threads = threads
        self._translator = self._open()
        self._has_drawn = False

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
        """Drafts for every prompt. Beams cannot be cancelled: the library offers no way to."""
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
        """Log-probability in nats of every piece of each completion, `</s>` included."""
        results = self._translator.score_batch(
            [self._pieces(prompt) for prompt in prompts],
            # The library adds the final `</s>` itself.
            [self._pieces(completion)[:-1] for completion in completions],
            max_input_length=0,
            max_batch_size=_SCORED_AT_ONCE,
        )
        return [list(result.log_probs) for result in results]

    def count_tokens(self, text: str) -> int:
        """Pieces of the text, `</s>` included."""
        return self._tokenizer.count(text)

    def prepare(self) -> None:
        """Open a Translator for the next sample: the one that drew cannot be seeded again."""
        if self._has_drawn:
            del self._translator
            self._translator = self._open()
            self._has_drawn = False

    def _pieces(self, text: str) -> list[str]:
        return self._tokenizer.pieces(self._tokenizer.encode(text))

    def _open(self) -> ctranslate2.Translator:
        try:
            # The type that was saved, int8, or the next best where the processor has no fast int8.
            return ctranslate2.Translator(
                str(self._folder), device="cpu", compute_type="default", inter_threads=1, intra_threads=self._threads
            )
        except (RuntimeError, ValueError) as error:
            line = " ".join(str(error).split())
            raise ModelDamaged(
                f"the conversion in {self._folder} cannot be read ({line}): remove that folder"
            ) from error

    def _reseed(self, seed: int) -> None:
        """A seed counts for generators made after it, and each Translator's thread makes one at its first draw."""
        self.prepare()
        ctranslate2.set_random_seed(seed)
        self._has_drawn = True

    def _draft(self, pieces: list[str], score: float, settings: GenerationSettings, was_cancelled: bool) -> Draft:
        """`score` is the sum of log-probabilities over length ** length_penalty, `</s>` counted."""
        ended = bool(pieces) and pieces[-1] == EOS
        length = max(1, len(pieces))
        ids = self._tokenizer.ids(pieces[:-1] if ended else pieces)
        return Draft(
            text=self._tokenizer.decode(ids),
            tokens=len(pieces),
            # A repetition penalty changes the score itself, which then is no probability.
            score=score * length ** (settings.length_penalty - 1) if settings.repetition_penalty == 1 else None,
            finished="end" if ended else "cancelled" if was_cancelled else "length",
        )


def _options(settings: GenerationSettings) -> dict[str, Any]:
    """Settings as the library names them. It cuts inputs at 1,024 pieces and uses two beams unless told otherwise."""
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


def default_threads(folder: Path) -> int:
    """What OMP_NUM_THREADS says; else one for a small conversion, every core that this process may use for another."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    is_small = sum(path.stat().st_size for path in folder.glob("model.bin")) <= _SMALL
    return 1 if is_small else len(os.sched_getaffinity(0))
