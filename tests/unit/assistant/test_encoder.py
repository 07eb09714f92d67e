"""How a conversation and an answer are laid out for an encoder whose window is too small, and the head on its state."""

import numpy as np
import pytest

from assistant.scoring.encoder import Packer, minilm_folder
from assistant.scoring.heads import apply_encoder_head

TALK = "Maya: first turn\nTom: second turn\nMaya: third turn"


@pytest.fixture
def tokenizer() -> "Tokens":
    return Tokens()


class Tokens:
    """all-MiniLM's own tokenizer, to read what was packed."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        self.file = minilm_folder() / "tokenizer.json"
        self._own = Tokenizer.from_file(str(self.file))

    def read(self, ids: list[int]) -> list[str]:
        return [str(self._own.id_to_token(one)) for one in ids]

    def pack(self, window: int, conversation: str, answer: str) -> tuple[str, int]:
        packer = Packer(self.file, window)
        ids = packer.pack(conversation, answer)
        assert len(ids) <= window
        return " ".join(self.read(ids)), packer.cut


def test_what_fits_is_whole_the_answer_before_the_conversation(tokenizer: Tokens) -> None:
    assert tokenizer.pack(64, TALK, "They count.") == (
        "[CLS] they count . [SEP] maya : first turn tom : second turn maya : third turn [SEP]",
        0,
    )


def test_of_a_conversation_that_is_too_long_the_last_turns_stay(tokenizer: Tokens) -> None:
    # 3 marks and 3 tokens of answer leave 8 of 14 for turns of 4 each.
    assert tokenizer.pack(14, TALK, "They count.") == (
        "[CLS] they count . [SEP] tom : second turn maya : third turn [SEP]",
        1,
    )


def test_of_one_line_that_is_too_long_its_end_stays(tokenizer: Tokens) -> None:
    # 3 marks and 1 token leave 4: "d e f g" of the one long line.
    assert tokenizer.pack(8, "a b c d e f g", "yes") == ("[CLS] yes [SEP] d e f g [SEP]", 1)


def test_an_answer_that_is_too_long_leaves_a_quarter_to_the_conversation(tokenizer: Tokens) -> None:
    # 12 less 3 marks are 9; three quarters of that are 6 for the answer, whose end goes.
    assert tokenizer.pack(12, "x y z w", "a b c d e f g h") == ("[CLS] a b c d e f [SEP] y z w [SEP]", 1)


def test_every_cut_text_is_counted_once(tokenizer: Tokens) -> None:
    packer = Packer(tokenizer.file, 12)
    for answer in ("a b c d e f g h", "a", "a b c d e f g h"):
        packer.pack("x y", answer)
    assert packer.cut == 2


def test_the_head_is_a_dense_layer_its_activation_and_a_weight() -> None:
    states = np.array([[1.0, -2.0], [0.0, 0.0]])
    tensors = {
        "encoder.dense.weight": np.array([[1.0, 0.0], [0.0, 1.0]]),
        "encoder.dense.bias": np.array([0.0, 1.0]),
        "encoder.out.weight": np.array([[2.0, 3.0]]),
        "encoder.out.bias": np.array([0.5]),
        "encoder.tanh": np.array([0.0]),
        "encoder.scale": np.array([0.5]),
    }
    # Hidden [1, -1] and [0, 1]; without what is below 0, [1, 0] and [0, 1]: (2 + 0.5) / 2 and (3 + 0.5) / 2.
    assert apply_encoder_head(tensors, states) == pytest.approx([1.25, 1.75])
    # tanh 1 = 0.76159: (2 * 0.76159 - 3 * 0.76159 + 0.5) / 2 and (3 * 0.76159 + 0.5) / 2.
    bent = apply_encoder_head({**tensors, "encoder.tanh": np.array([1.0])}, states)
    assert bent == pytest.approx([-0.1308, 1.3924], abs=1e-4)
