"""Trains pocket's tokenizer: byte-level BPE, so that no input is unknown and decoding returns the text exactly."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

PAD, EOS, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = 64
"""How many `<extra_id_N>` pieces there are, for span corruption (Raffel et al. 2020, section 3.1.4)."""

# Speaker tags stay whole so that they become one ordinary piece each; a special token would vanish at decoding.
# Digits go in groups of at most two, so that a number never seen is copied in a few familiar pieces.
_PIECES = Regex(r" ?#Person\d+#:?|'[a-z]{1,2}\b| ?\p{L}+| ?\p{N}{1,2}|\n+| ?[^\s\p{L}\p{N}]+|\s+")


def train_tokenizer(texts: Iterable[str], pieces: int) -> Tokenizer:
    """Learn a vocabulary of `pieces` entries from the texts; every entry is unique. Appends `</s>` when it encodes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, EOS, UNKNOWN, *(f"<extra_id_{i}>" for i in range(SENTINELS))]
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        min_frequency=2,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return tokenizer


def sentinels(tokenizer: Tokenizer) -> list[int]:
    """The ids of its `<extra_id_N>` pieces, in order; of a tokenizer made elsewhere there may be none."""
    ids = (tokenizer.token_to_id(f"<extra_id_{i}>") for i in range(SENTINELS))
    return [index for index in ids if index is not None]
