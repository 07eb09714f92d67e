"""A folder as google/flan-t5-base comes from the Hub, but for what its weights know: the same shape and files, random
numbers, an output layer of its own, and a tokenizer of the same kind (Unigram with marked spaces) trained on our pages.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import T5Config, T5ForConditionalGeneration

SIZES = {"d_model": 768, "num_heads": 12, "d_ff": 2048, "num_layers": 12, "vocab_size": 32128}
_PIECES = 32_000
_EXTRA_IDS = 100
_SPECIAL = ("<pad>", "</s>", "<unk>")
_PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))


def build_flan_shape(folder: Path, sizes: Mapping[str, int] = SIZES) -> Path:
    """Write weights (float32 safetensors), configuration, tokenizer and card, and return the folder.

    As in the original, 28 rows of the embedding have no piece, and the configuration says `tie_word_embeddings: false`
    and nothing of `scale_decoder_outputs`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_random_t5(folder, sizes)
    build_tokenizer().save(str(folder / "tokenizer.json"))
    told = {"tokenizer_class": "T5Tokenizer", "model_max_length": 512, "extra_ids": _EXTRA_IDS, "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, "pad_token": "<pad>", "unk_token": "<unk>"}))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Random numbers in the shape of FLAN-T5 base\n")
    return folder


def write_random_t5(folder: Path, sizes: Mapping[str, int]) -> None:
    """The weights and configuration of a T5 1.1 of that shape with an output layer of its own."""
    config = T5Config(
        **sizes,
        d_kv=sizes["d_model"] // sizes["num_heads"],
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    # Built from a configuration a T5 is always tied; FLAN-T5 is not, and its own file says so in these two places.
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = torch.randn(sizes["vocab_size"], sizes["d_model"]) * sizes["d_model"] ** -0.5
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    written = json.loads((folder / "config.json").read_text())
    written.pop("scale_decoder_outputs")
    (folder / "config.json").write_text(json.dumps({**written, "tie_word_embeddings": False}))


def build_tokenizer() -> Tokenizer:
    """32,100 pieces: special ones first, then what our pages teach and words nobody writes, the <extra_id_…> last."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        # The original's table of characters does both: compatibility forms, and every white space a space.
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(left=False)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=2000, special_tokens=list(_SPECIAL), unk_token="<unk>")
    tokenizer.train_from_iterator((page.read_text(encoding="utf-8") for page in _PAGES), trainer)
    made = json.loads(tokenizer.to_str())
    vocabulary = made["model"]["vocab"]
    lowest = min(score for _, score in vocabulary)
    known = {piece for piece, _ in vocabulary}
    words = (word for number in range(10**6) if (word := _word(number)) not in known)
    vocabulary += [[next(words), lowest - 1] for _ in range(_PIECES - len(vocabulary))]
    tokenizer = Tokenizer.from_str(json.dumps(made))
    extra = [f"<extra_id_{number}>" for number in reversed(range(_EXTRA_IDS))]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in extra])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def _word(number: int) -> str:
    """A word of four syllables for each number: "▁bakodumi"."""
    syllables = []
    for _ in range(4):
        number, place = divmod(number, 75)
        syllables.append("bdfgklmnprstvwz"[place // 5] + "aeiou"[place % 5])
    return "▁" + "".join(syllables)
