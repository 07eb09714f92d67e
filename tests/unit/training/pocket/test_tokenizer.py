"""Pocket's tokenizer."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from training.pocket.tokenizer import EOS, PAD, SENTINELS, UNKNOWN, train_tokenizer

_TEXTS = ["#Person1#: Are you coming at 10:30?\n#Person2#: Yes, I'll bring Maya's report."] * 50
_TOKENIZER = train_tokenizer(_TEXTS, 500)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return _TOKENIZER


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_decoding_returns_any_text_exactly_but_the_special_pieces(text: str) -> None:
    assume(not any(piece in text for piece in (PAD, EOS, UNKNOWN, "<extra_id_")))
    ids = _TOKENIZER.encode(text, add_special_tokens=False).ids
    assert _TOKENIZER.decode(ids) == text


def test_every_text_ends_with_the_end_mark(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Yes").ids
    assert ids[-1] == tokenizer.token_to_id(EOS)
    assert ids.count(tokenizer.token_to_id(EOS)) == 1


def test_speaker_tags_are_one_ordinary_piece_that_decoding_keeps(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("#Person1#: Yes").ids
    assert len(tokenizer.encode("#Person1#:").ids) == 2
    assert tokenizer.decode(ids, skip_special_tokens=True) == "#Person1#: Yes"


def test_every_piece_is_unique_and_ids_have_no_gap(tokenizer: Tokenizer) -> None:
    vocabulary = tokenizer.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))


def test_the_special_pieces_stand_where_t5_expects_them(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(piece) for piece in (PAD, EOS, UNKNOWN)] == [0, 1, 2]
    assert tokenizer.token_to_id(f"<extra_id_{SENTINELS - 1}>") == 2 + SENTINELS


def test_numbers_go_in_groups_of_at_most_two_digits() -> None:
    # Seen often enough to become one piece, were it not for the rule.
    tokenizer = train_tokenizer(["call 12345 now"] * 50, 500)
    offsets = tokenizer.encode("12345", add_special_tokens=False).offsets
    assert all(end - start <= 2 for start, end in offsets)
