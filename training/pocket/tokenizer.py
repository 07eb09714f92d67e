"""Trains pocket's tokenizer, byte-level BPE, and that of larger models, unigrams with bytes for rare characters. Both
encode every input, and decoding restores the text exactly.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

PAD, EOS, UNKNOWN = "<pad>", "</s>", "<unk>"
SENTINELS = 64
"""Number of `<extra_id_N>` pieces, for span corruption (Raffel et al. 2020, section 3.1.4)."""

# Speaker tags are not split, so that each becomes one ordinary piece; decoding would drop a special token. Digits are
# split into groups of at most two, so that an unseen number is copied in a few familiar pieces.
_PIECES = Regex(r" ?#Person\d+#:?|'[a-z]{1,2}\b| ?\p{L}+| ?\p{N}{1,2}|\n+| ?[^\s\p{L}\p{N}]+|\s+")

_WORDS = Regex(r" ?#Person\d+#|'[a-z]{1,2}\b| ?\p{L}+| ?\p{N}|\n| ?[^\s\p{L}\p{N}]+|\s")
"""The same for unigrams. Tags come without a colon, and digits one by one, so that numbers are copied by digits."""
_SPACE = "▁"
_RARE = 20
"""Characters seen less often are encoded in bytes and get no piece."""
_NO_WORD = -100.0
"""Score of pieces that text is never split into: special pieces, and bytes."""


def train_tokenizer(texts: Iterable[str], pieces: int) -> Tokenizer:
    """Train a tokenizer with `pieces` unique entries on the texts. It appends `</s>` when encoding."""
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


def train_unigram(texts: Sequence[str], pieces: int, whole: Sequence[str]) -> Tokenizer:
    """Train a tokenizer with at most `pieces` unigrams (Kudo 2018), including every byte (Kudo & Richardson 2018, byte
    fallback) and the words in `whole`, with and without a space before them. It appends `</s>` when encoding.
    """
    counts = Counter[str]()
    for text in texts:
        counts.update(text)
    kept = {ord(character): " " for character, count in counts.items() if count < _RARE}
    fixed = [PAD, EOS, UNKNOWN, *(f"<extra_id_{i}>" for i in range(SENTINELS))]
    spelled = [*fixed, *(f"<0x{byte:02X}>" for byte in range(256))]
    own = [*whole, *(_SPACE + word for word in whole)]
    learnt = Tokenizer(models.Unigram())
    learnt.pre_tokenizer = _cut()
    trainer = trainers.UnigramTrainer(vocab_size=pieces - len(spelled) - len(own), show_progress=False)
    learnt.train_from_iterator((text.translate(kept) for text in texts), trainer)
    found = [(piece, score) for piece, score in _scores(learnt) if piece not in own]
    vocabulary = [*((piece, _NO_WORD) for piece in spelled), *((word, 0.0) for word in own), *found]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=fixed.index(UNKNOWN), byte_fallback=True))
    tokenizer.pre_tokenizer = _cut()
    tokenizer.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(fixed)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return tokenizer


def _cut() -> pre_tokenizers.PreTokenizer:
    words = pre_tokenizers.Split(_WORDS, behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=False)])


def _scores(tokenizer: Tokenizer) -> list[tuple[str, float]]:
    vocabulary: list[tuple[str, float]] = json.loads(tokenizer.to_str())["model"]["vocab"]
    return [(piece, score) for piece, score in vocabulary]


def sentinels(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of the `<extra_id_N>` pieces, in order. Other tokenizers may have none."""
    ids = (tokenizer.token_to_id(f"<extra_id_{i}>") for i in range(SENTINELS))
    return [index for index in ids if index is not None]
