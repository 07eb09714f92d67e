"""A real encoder with 30,000 random parameters, as a sentence-transformers folder with the files of
intfloat/multilingual-e5-small.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßé0123456789.,:?!'▁"
_MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
_SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 130,
    "initializer_range": 0.5,
}


def build_tiny_embedder(folder: Path, kind: str = "bert", pooling: str = "mean", prompts: Any = None) -> Path:
    """Write the model to the folder and return it. `kind` is bert or xlm-roberta, `pooling` mean or cls."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(), bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )
    torch.manual_seed(0)
    size = len(fast)
    if kind == "bert":
        # As in the real model, there are more embeddings than pieces.
        BertModel(BertConfig(vocab_size=size + 3, **_SHAPE)).save_pretrained(folder)
    else:
        XLMRobertaModel(XLMRobertaConfig(vocab_size=size, pad_token_id=1, **_SHAPE)).save_pretrained(folder)
    fast.save_pretrained(folder)
    (folder / "sentencepiece.bpe.model").write_bytes(b"pieces")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    modules = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    contents = {
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{name}"}
            for number, (name, path) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": 120, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": 32,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": False,
        },
        "config_sentence_transformers.json": {"prompts": prompts or {}},
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def _tokenizer() -> Tokenizer:
    pieces = [*_MARKS, *_LETTERS, *("▁the", "▁of", "er", "in", "query", "passage")]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0 - len(piece) / 100) for piece in pieces], unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer
