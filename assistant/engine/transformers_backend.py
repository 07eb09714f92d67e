"""The backend that runs a model folder without conversion: on a GPU in bfloat16, on a CPU in float32.

It never uses float16, which overflows in T5's feed-forward layers. Tokens are decoded by the same code as in the other
backend.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from assistant.engine.protocol import OnProgress, Progress
from assistant.engine.tokens import GrowingText, ModelTokenizer
from assistant.errors import ModelDamaged
from assistant.records import BackendName, Draft, GenerationSettings, ModelVersion

_IGNORED = -100
_SCORED_AT_ONCE = 16


def load(model: ModelVersion, threads: int, on_progress: OnProgress) -> "TransformersBackend":
    """Load the model, on the GPU if there is one."""
    on_progress(Progress(stage="loading"))
    import torch
    from transformers import AutoModelForSeq2SeqLM

    if threads:
        torch.set_num_threads(threads)
    is_gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    folder = Path(model.folder)
    tokenizer = ModelTokenizer(folder)
    try:
        network = AutoModelForSeq2SeqLM.from_pretrained(
            folder,
            dtype=torch.bfloat16 if is_gpu else torch.float32,
            local_files_only=True,
            use_safetensors=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelDamaged(f"cannot load {folder}: {' '.join(str(error).split())[:200]}") from error
    network = network.eval().to("cuda" if is_gpu else "cpu")
    return TransformersBackend(network, tokenizer, read_soft_prompt(model, network))


def read_soft_prompt(model: ModelVersion, network: Any) -> Any:
    """Return the soft prompt of the model, (vectors, width), on the network's device and in its precision; None if it
    has none.
    """
    if not model.soft_prompt:
        return None
    from safetensors.torch import load_file

    place = Path(model.soft_prompt) / "adapter_model.safetensors"
    try:
        vectors = load_file(place)["prompt_embeddings"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelDamaged(f"cannot read the soft prompt in {place}: make the version again") from error
    width = network.config.d_model
    if vectors.ndim != 2 or vectors.shape[1] != width:
        raise ModelDamaged(f"the soft prompt in {place} does not fit a model of width {width}")
    return vectors.to(device=network.device, dtype=network.dtype)


class TransformersBackend:
    """A model loaded with transformers."""

    name: BackendName = "transformers"
    batch = 16

    def __init__(self, network: Any, tokenizer: ModelTokenizer, soft_prompt: Any = None) -> None:
        import torch
        import transformers

        self.version = f"{transformers.__version__}/torch-{torch.__version__}"
        self._network = network
        self._tokenizer = tokenizer
        self._soft_prompt = soft_prompt

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
        """Return drafts for every prompt; `cancelled` is checked after every step."""
        import torch

        if settings.decoding == "sample":
            torch.manual_seed(seed)
        growing = GrowingText(self._tokenizer, on_piece) if on_piece else None
        with torch.inference_mode():
            output = self._network.generate(
                **self._inputs(prompts),
                generation_config=_options(settings, self._network.config),
                stopping_criteria=[
                    lambda ids, scores, **_: torch.full((ids.shape[0],), cancelled(), device=ids.device)
                ],
                streamer=_Streamer(growing, self._end) if growing else None,
                logits_processor=[_barring(barred, self._network.device)] if barred else None,
            )
        was_cancelled = cancelled()
        drafts = [
            self._draft(row, score, was_cancelled)
            for row, score in zip(output.sequences[:, 1:].tolist(), self._means(output, settings), strict=True)
        ]
        if growing:
            growing.finish(drafts[0].text)
        return [drafts[i : i + settings.drafts] for i in range(0, len(drafts), settings.drafts)]

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> list[list[float]]:
        """Return the log-probability in nats of every token of each completion, `</s>` included."""
        found: list[list[float]] = []
        for start in range(0, len(prompts), _SCORED_AT_ONCE):
            found += self._score(prompts[start : start + _SCORED_AT_ONCE], completions[start : start + _SCORED_AT_ONCE])
        return found

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, `</s>` included."""
        return self._tokenizer.count(text)

    def prepare(self) -> None:
        """Do nothing: torch can be seeded at any time."""

    @property
    def _end(self) -> int:
        return int(self._network.config.eos_token_id)

    def _score(self, prompts: Sequence[str], completions: Sequence[str]) -> list[list[float]]:
        import torch

        targets = [self._tokenizer.encode(completion) for completion in completions]
        labels = _padded(targets, _IGNORED).to(self._network.device)  # (pairs, longest)
        with torch.inference_mode():
            logits = self._network(**self._inputs(prompts), labels=labels).logits.float()
        chosen = torch.log_softmax(logits, -1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return [row[: len(target)] for row, target in zip(chosen.tolist(), targets, strict=True)]

    def _inputs(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Return right-padded ids and their mask, (prompts, longest). With a soft prompt, return the embeddings of
        both, (prompts, vectors + longest, width).
        """
        rows = [self._tokenizer.encode(prompt) for prompt in prompts]
        mask = _padded([[1] * len(row) for row in rows], 0).to(self._network.device)
        ids = _padded(rows, self._network.config.pad_token_id).to(self._network.device)
        if self._soft_prompt is None:
            return {"input_ids": ids, "attention_mask": mask}
        import torch

        read = self._network.get_input_embeddings()(ids)
        learned = self._soft_prompt.expand(len(rows), -1, -1)
        ones = mask.new_ones(learned.shape[:2])
        return {"inputs_embeds": torch.cat([learned, read], 1), "attention_mask": torch.cat([ones, mask], 1)}

    def _means(self, output: Any, settings: GenerationSettings) -> list[float | None]:
        """Return the mean log-probability per token of every draft; None if a penalty makes the score no
        log-probability.
        """
        if settings.repetition_penalty != 1:
            return [None] * len(output.sequences)
        ids = output.sequences[:, 1:]
        lengths = (ids != self._network.config.pad_token_id).sum(-1).clamp(min=1)  # (drafts,)
        if settings.decoding == "beam" and settings.beams > 1:
            means = output.sequences_scores * lengths ** (settings.length_penalty - 1)
        else:
            gains = self._network.compute_transition_scores(output.sequences, output.logits, normalize_logits=True)
            is_text = ids != self._network.config.pad_token_id
            means = gains.masked_fill(~is_text, 0).sum(-1) / lengths
        return [float(mean) for mean in means]

    def _draft(self, row: list[int], score: float | None, was_cancelled: bool) -> Draft:
        ended = self._end in row
        ids = row[: row.index(self._end)] if ended else row
        return Draft(
            text=self._tokenizer.decode(ids),
            tokens=len(ids) + ended,
            score=score,
            finished="end" if ended else "cancelled" if was_cancelled else "length",
        )


def _barring(ids: Sequence[int], device: Any) -> Callable[[Any, Any], Any]:
    """Return a logits processor that sets the barred ids to -inf."""
    import torch

    columns = torch.tensor(ids, device=device)
    return lambda written, scores: scores.index_fill(-1, columns, float("-inf"))


class _Streamer:
    """Receives the ids of one text from `generate`; the first call brings the start token."""

    def __init__(self, growing: GrowingText, end: int) -> None:
        self._growing = growing
        self._end_id = end
        self._has_started = False

    def put(self, ids: Any) -> None:
        if self._has_started and (index := int(ids.flatten()[0])) != self._end_id:
            self._growing.add(index)
        self._has_started = True

    def end(self) -> None:
        pass


def _padded(rows: Sequence[Sequence[int]], filler: int) -> Any:
    import torch

    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])


def _options(settings: GenerationSettings, config: Any) -> Any:
    """Return a config that sets everything, so that defaults in the model's folder have no effect."""
    from transformers import GenerationConfig

    is_sample, is_beam = settings.decoding == "sample", settings.decoding == "beam"
    chosen: dict[str, Any] = {
        "do_sample": is_sample,
        "num_beams": settings.beams if is_beam else 1,
        "num_return_sequences": settings.drafts,
        "max_new_tokens": settings.max_new_tokens,
        "min_new_tokens": settings.min_new_tokens,
        "repetition_penalty": settings.repetition_penalty,
        "no_repeat_ngram_size": settings.no_repeat_ngram,
        "return_dict_in_generate": True,
        "output_scores": is_beam,
        "output_logits": not is_beam or settings.beams == 1,
        "decoder_start_token_id": config.decoder_start_token_id,
        "pad_token_id": config.pad_token_id,
        "eos_token_id": config.eos_token_id,
    }
    if is_sample:
        chosen |= {"temperature": settings.temperature, "top_k": settings.top_k, "top_p": settings.top_p}
    if is_beam and settings.beams > 1:
        chosen["length_penalty"] = settings.length_penalty
    return GenerationConfig(**chosen)
