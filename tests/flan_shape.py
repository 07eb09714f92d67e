"""Build a folder like google/flan-t5-small, -base, -large or -xl from the Hub, with random weights.

Shapes and files are the same; the tokenizer is of the same kind, but trained on this repository's docs.
"""

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import T5Config, T5ForConditionalGeneration

_BASE = {"d_model": 768, "num_heads": 12, "d_kv": 64, "d_ff": 2048, "num_layers": 12, "vocab_size": 32128}
SHAPES: Mapping[str, Mapping[str, int]] = {
    # In the small one, d_kv times num_heads is not d_model.
    "google/flan-t5-small": {**_BASE, "d_model": 512, "num_heads": 6, "d_ff": 1024, "num_layers": 8},
    "google/flan-t5-base": _BASE,
    "google/flan-t5-large": {**_BASE, "d_model": 1024, "num_heads": 16, "d_ff": 2816, "num_layers": 24},
    "google/flan-t5-xl": {**_BASE, "d_model": 2048, "num_heads": 32, "d_ff": 5120, "num_layers": 24},
}
TINY = {**_BASE, "d_model": 16, "num_heads": 2, "d_kv": 4, "d_ff": 16, "num_layers": 1}
"""A shape that is fast to build: 1.03 M parameters, nearly all of them in the embeddings."""
PICKLED = ("flax_model.msgpack", "pytorch_model.bin", "tf_model.h5")
"""The same weights in other formats, which the originals include; here a few bytes each."""
_SUMMARIZATION = {
    "early_stopping": True,
    "length_penalty": 2.0,
    "max_length": 200,
    "min_length": 30,
    "no_repeat_ngram_size": 3,
    "num_beams": 4,
    "prefix": "summarize: ",
}
"""T5's default settings for tasks, which must have no effect."""
_PIECES = 32_000
_SPECIAL = ("<pad>", "</s>", "<unk>")
_EXTRA = [f"<extra_id_{number}>" for number in range(100)]
_PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
_CHARSMAP = Path(__file__).parent / "fixtures" / "models" / "charsmap.b64"
"""13 of the rules of nmt_nfkc, compiled by sentencepiece 0.2.3: five kinds of white space and U+200B to a space, the
ligatures fi and fl, "…", "½", "²", "™", and an "e" with a combining accent. The original has 240,007 bytes.
"""
_CARD = """---
language:
- en
- fr
- ro
- de
- multilingual

tags:
- text2text-generation

widget:
- text: "Translate to German:  My name is Arthur"
  example_title: "Translation"

datasets:
- svakulenk0/qrecc
- taskmaster2
- gsm8k

license: apache-2.0
---

# Model Card for FLAN-T5: its shape and files, random numbers
"""


def build_flan_shape(folder: Path, sizes: Mapping[str, int] = _BASE, shards: int = 1) -> Path:
    """Write every file of the original, with dummy content for `PICKLED`, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_random_t5(folder, sizes, shards)
    vocabulary = _vocabulary()
    pieces = _tokenizer_json(vocabulary)
    (folder / "tokenizer.json").write_text(json.dumps(pieces, ensure_ascii=False))
    charsmap: str = pieces["normalizer"]["precompiled_charsmap"]
    (folder / "spiece.model").write_bytes(_sentencepiece(vocabulary[:_PIECES], charsmap))
    special = {"additional_special_tokens": _EXTRA, "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    _write(folder / "special_tokens_map.json", special)
    told = {"extra_ids": len(_EXTRA), "model_max_length": 512, "name_or_path": "google/t5-v1_1-base"}
    _write(
        folder / "tokenizer_config.json", {**special, **told, "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer"}
    )
    ends = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    _write(
        folder / "generation_config.json",
        {"_from_model_config": True, **ends, "transformers_version": "4.27.0.dev0"},
    )
    (folder / "README.md").write_text(_CARD)
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    for name in PICKLED:
        (folder / name).write_bytes(b"pickled")
    return folder


def write_random_t5(folder: Path, sizes: Mapping[str, int], shards: int = 1) -> None:
    """Write the weights (float32 safetensors) and the configuration of a T5 1.1 of this shape, with an untied output
    layer.

    As in the originals, the configuration has `tie_word_embeddings: false` and no `scale_decoder_outputs`.
    """
    sizes = {"d_kv": sizes["d_model"] // sizes["num_heads"], **sizes}
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(T5Config(**sizes, feed_forward_proj="gated-gelu", decoder_start_token_id=0))
    weights = {name: weight for name, weight in model.state_dict().items() if not name.endswith("embed_tokens.weight")}
    # A T5 built from a configuration is always tied; FLAN-T5 is not.
    weights["lm_head.weight"] = torch.randn(sizes["vocab_size"], sizes["d_model"]) * sizes["d_model"] ** -0.5
    _write_weights(folder, weights, shards)
    config = {
        **sizes,
        "architectures": ["T5ForConditionalGeneration"],
        "decoder_start_token_id": 0,
        "dropout_rate": 0.1,
        "eos_token_id": 1,
        "feed_forward_proj": "gated-gelu",
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        "layer_norm_epsilon": 1e-06,
        "model_type": "t5",
        "n_positions": 512,
        "num_decoder_layers": sizes["num_layers"],
        "output_past": True,
        "pad_token_id": 0,
        "relative_attention_max_distance": 128,
        "relative_attention_num_buckets": 32,
        "task_specific_params": {"summarization": _SUMMARIZATION},
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.23.1",
        "use_cache": True,
    }
    _write(folder / "config.json", config)


def _write_weights(folder: Path, weights: Mapping[str, torch.Tensor], shards: int) -> None:
    """Write one file, or `shards` files with an index.

    As in shards that the Hub converts from pickles, tensors are not shared, and the metadata names those left out. The
    index still lists those, and counts their bytes.
    """
    if shards == 1:
        save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(weights)
    aliases = {f"{stack}.embed_tokens.weight": "shared.weight" for stack in ("encoder", "decoder")}
    places: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        here = names[number * len(names) // shards : (number + 1) * len(names) // shards]
        left_out = aliases if "shared.weight" in here else {}
        save_file({name: weights[name] for name in here}, folder / file, metadata={"format": "pt", **left_out})
        places |= dict.fromkeys([*here, *left_out], file)
    size = sum(weights[aliases.get(name, name)].nbytes for name in places)
    _write(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": places})


def _vocabulary() -> list[tuple[str, float]]:
    """32,100 pieces with scores: special ones, pieces learned from the docs, made-up words, and the <extra_id_…> in
    reverse order.
    """
    taught = Tokenizer(models.Unigram())
    taught.normalizer = normalizers.NFKC()
    taught.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    trainer = trainers.UnigramTrainer(vocab_size=2000, special_tokens=list(_SPECIAL), unk_token="<unk>")
    taught.train_from_iterator((page.read_text(encoding="utf-8") for page in _PAGES), trainer)
    found = [(piece, score) for piece, score in json.loads(taught.to_str())["model"]["vocab"]]
    lowest, known = min(score for _, score in found), {piece for piece, _ in found}
    words = (word for number in range(10**6) if (word := _word(number)) not in known)
    found += [(next(words), lowest - 1) for _ in range(_PIECES - len(found))]
    return [*found, *((name, 0.0) for name in reversed(_EXTRA))]


def _tokenizer_json(vocabulary: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """The tokenizer file as the library wrote it in 2022, with the names of that time."""
    metaspace = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    added = [*range(len(_SPECIAL)), *range(_PIECES, len(vocabulary))]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    text, end = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}
    other = {"Sequence": {"id": "B", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": vocabulary[index][0], **flags} for index in added],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": _CHARSMAP.read_text().strip()},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [text, end],
            "pair": [text, end, other, end],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 2, "vocab": vocabulary},
    }


def _sentencepiece(vocabulary: Sequence[tuple[str, float]], charsmap: str) -> bytes:
    """The pieces as a sentencepiece model: a protobuf message of pieces (field 1), trainer (2) and normalizer (3)."""
    kinds = {"<pad>": 3, "</s>": 3, "<unk>": 2}
    rows = [
        _field(1, piece.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kinds.get(piece, 1)])
        for piece, score in vocabulary
    ]
    # Trainer: model_type 1 (unigram), and the ids of <unk> (40), <s> (41: none), </s> (42) and <pad> (43).
    taught = b"\x18\x01" + b"".join(_number(*pair) for pair in ((40, 2), (41, -1), (42, 1), (43, 0)))
    normalizer = _field(1, b"user_defined") + _field(2, base64.b64decode(charsmap))
    return b"".join(_field(1, row) for row in rows) + _field(2, taught) + _field(3, normalizer)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _word(number: int) -> str:
    """A word of four syllables for each number, such as "▁bakodumi"."""
    syllables = []
    for _ in range(4):
        number, place = divmod(number, 75)
        syllables.append("bdfgklmnprstvwz"[place // 5] + "aeiou"[place % 5])
    return "▁" + "".join(syllables)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
