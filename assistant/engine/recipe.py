"""Converts a T5 folder to CTranslate2, in int8 if that is accurate enough on this machine, and checks the result
against the model. Imports torch and transformers, so it runs only in the conversion process and in the trainer.

CTranslate2's loader decides by `tie_word_embeddings` whether to scale logits by d_model ** -0.5. Transformers 5 sets
that flag for every T5 and keeps the real one in `scale_decoder_outputs`. Without correction greedy text stays the same,
but probabilities, samples and beams are wrong.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assistant.engine.precision import BYTES, PRECISION, QUANTIZING, Precision
from assistant.engine.protocol import OnProgress, Progress
from assistant.engine.tokens import ModelTokenizer
from assistant.errors import ModelDamaged

FLOAT_TOLERANCE = 1e-3
"""The maximum difference in nats per token between transformers and a float32 conversion: rounding only."""
QUANTIZED_TOLERANCE = 0.1
"""The maximum mean difference in nats per token between transformers and a quantized conversion that is served."""
_TEXTS = (
    (
        "Summarize the following dialogue.\n\nMaya: The review moves to Friday at 10:30.\nTom: I'll book room 4.",
        "The review moves to Friday at 10:30. Tom will book room 4.",
    ),
    (
        "#Person1#: Did you send the 250 invoices?\n#Person2#: Not yet - I'm waiting for Zoë's approval.",
        "#Person2# hasn't sent the invoices because Zoë has not approved them.",
    ),
)
_SPREAD = 48
"""The number of pieces sampled evenly from the vocabulary, so that shifted ids anywhere in it are detected."""

Pair = tuple[list[int], list[int]]


def build(source: Path, folder: Path, on_progress: OnProgress) -> Path:
    """Convert inside `folder` and return the subfolder to serve: int8, or the next larger type that loses at most
    QUANTIZED_TOLERANCE on this processor.

    Raises ModelDamaged if the result disagrees with the model.
    """
    import torch

    on_progress(Progress(stage="reading the model"))
    model = load_float32(source)
    tokenizer = ModelTokenizer(source)
    vocabulary = read_vocabulary(source, int(model.config.vocab_size))
    pairs = _pairs(tokenizer, vocabulary)
    with torch.inference_mode():
        expected = [reference(model, *pair) for pair in pairs]
    on_progress(Progress(stage="converting"))
    exact = write(model, vocabulary, folder / "float32", "float32")
    on_progress(Progress(stage="checking"))
    worst = max(_differences(exact, "float32", vocabulary, pairs, expected))
    if not worst <= FLOAT_TOLERANCE:
        raise ModelDamaged(
            f"the conversion of {source.name} disagrees with the model by {worst:.3g} nats a token "
            f"(limit {FLOAT_TOLERANCE:g}): choose the backend transformers for it"
        )
    on_progress(Progress(stage=QUANTIZING))
    losses: dict[str, float] = {}
    for kind in _smaller_types():
        # Quantizing overwrites the weights of `model`, so a second attempt loads them again.
        small = write(model if not losses else load_float32(source), vocabulary, folder / kind, kind)
        # Only the real texts: the probabilities of text that nobody would write are mostly noise.
        differences = _differences(small, kind, vocabulary, pairs[: len(_TEXTS)], expected[: len(_TEXTS)])
        losses[kind] = sum(differences) / len(differences)
        if losses[kind] <= QUANTIZED_TOLERANCE:
            return note_precision(small, kind, losses)
        shutil.rmtree(small)  # `room_needed` counts one attempt at a time
    return note_precision(exact, "float32", losses)


def note_precision(folder: Path, kind: str, losses: Mapping[str, float]) -> Path:
    """Write the weights' type into a conversion's folder, and the loss of each quantization tried,
    in nats per token.
    """
    (folder / PRECISION).write_bytes(msgspec.json.encode(Precision(kind=kind, losses=dict(losses))))
    (folder / PRECISION).chmod(0o600)
    return folder


def _smaller_types() -> list[str]:
    """Return the types below float32 that this processor supports, smallest first.

    Without VNNI instructions processors add 8-bit products in 16 bits, which saturate. The loss of int8 therefore
    depends on the machine and is measured on each.
    """
    import ctranslate2

    supported = ctranslate2.get_supported_compute_types("cpu")
    return [kind for kind in BYTES if kind != "float32" and kind in supported]


def load_float32(source: Path) -> Any:
    """Load the model as float32 in evaluation mode, whatever precision its files have."""
    import torch
    from transformers import AutoModelForSeq2SeqLM

    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(
            source, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelDamaged(f"cannot load {source}: {' '.join(str(error).split())[:200]}") from error
    return model.eval()


def read_vocabulary(source: Path, size: int) -> list[str]:
    """Return a piece for every row of the embedding; rows that the tokenizer does not use get generated names.

    Raises ModelDamaged if ids are missing, which reveals a duplicate piece: all later ids would shift.
    """
    import tokenizers

    by_id = {
        index: piece
        for piece, index in tokenizers.Tokenizer.from_file(str(source / "tokenizer.json")).get_vocab().items()
    }
    missing = [index for index in range(max(by_id) + 1) if index not in by_id]
    if missing:
        raise ModelDamaged(
            f"the vocabulary in {source / 'tokenizer.json'} has a piece twice or lacks one (id {missing[0]}): "
            "it cannot be converted"
        )
    if len(by_id) > size:
        raise ModelDamaged(f"{source} has {len(by_id)} pieces for {size} embeddings: get the model again")
    return [by_id.get(index, f"<unused_{index}>") for index in range(size)]


def write(model: Any, vocabulary: Sequence[str], target: Path, quantization: str) -> Path:
    """Convert and save without a check, and return `target`. int8 overwrites the weights of `model`."""
    import torch
    from ctranslate2.converters.transformers import T5Loader

    class Loader(T5Loader):  # type: ignore[misc]
        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            return list(vocabulary)

        def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:
            config.bos_token = vocabulary[model.config.pad_token_id]
            config.eos_token = vocabulary[model.config.eos_token_id]
            config.unk_token = "<unk>"
            config.decoder_start_token = vocabulary[model.config.decoder_start_token_id]

    model.config.tie_word_embeddings = scales_outputs(model)
    with torch.no_grad():
        spec = Loader()(model, None)
    spec.validate()
    spec.optimize(quantization=quantization)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700, parents=True)
    spec.save(str(target))
    for path in target.iterdir():
        path.chmod(0o600)
    return target


def scales_outputs(model: Any) -> bool:
    """Whether the model scales its logits by d_model ** -0.5, as T5 before version 1.1 does."""
    return bool(getattr(model.config, "scale_decoder_outputs", False))


def reference(model: Any, source: Sequence[int], target: Sequence[int]) -> list[float]:
    """Return the log-probability in nats of every target id, by transformers."""
    import torch

    logits = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).logits[0]
    found: list[float] = torch.log_softmax(logits.float(), -1)[range(len(target)), target].tolist()
    return found


def _pairs(tokenizer: ModelTokenizer, vocabulary: Sequence[str]) -> list[Pair]:
    pairs = [(tokenizer.encode(source), tokenizer.encode(target)) for source, target in _TEXTS]
    end = tokenizer.encode("")[-1]
    ids = [
        i for i in range(0, len(vocabulary), max(1, len(vocabulary) // _SPREAD)) if not vocabulary[i].startswith("<")
    ]
    return [*pairs, ([*ids, end], [*reversed(ids), end])]


def _differences(
    folder: Path, compute_type: str, vocabulary: Sequence[str], pairs: Sequence[Pair], expected: Sequence[list[float]]
) -> list[float]:
    """Return the absolute differences in nats for every target token of every pair."""
    import ctranslate2

    translator = ctranslate2.Translator(str(folder), compute_type=compute_type)
    results = translator.score_batch(
        [[vocabulary[i] for i in source] for source, _ in pairs],
        [[vocabulary[i] for i in target[:-1]] for _, target in pairs],
        max_input_length=0,
    )
    return [
        abs(found - wanted)
        for result, row in zip(results, expected, strict=True)
        for found, wanted in zip(result.log_probs, row, strict=True)
    ]
