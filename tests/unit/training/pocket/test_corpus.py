"""What pocket's training reads: three kinds of rows, speakers as tags, and how they are mixed."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tokenizers import Tokenizer, models

from assistant.errors import DataMissing, UsageError
from tests.tiny_models import TINY_POCKET
from training.pocket import stage as pocket
from training.pocket.corpus import INSTRUCTION, SUMMARY, TEXT, kind_of, read_corpus
from training.pocket.encoding import epoch_batches, gather
from training.pocket.tokenizer import sentinels, train_tokenizer
from training.runs.data.batches import IGNORED
from training.runs.run import Run, StopRequested

CONFIG = replace(
    TINY_POCKET,
    pieces=420,
    max_steps=6,
    batch_tokens=800,
    save_every=3,
    window=120,
    topics=0.0,
    renames=0.0,
    chats=0.0,
    default_phrasing=1.0,
)
SUMMARIES = [
    {"dialogue": f"#Person1#: Where is letter {i}?\n#Person2#: In the garden.", "summary": f"Letter {i} is found."}
    for i in range(12)
]
ANSWERS = [{"input": f"Say it twice: bridge {i}", "target": f"bridge {i} bridge {i}"} for i in range(4)]
TEXTS = [{"text": f"The report of window {i} was written in the garden by the bridge."} for i in range(3)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([" ".join(map(str, row.values())) for row in SUMMARIES + ANSWERS + TEXTS] * 5, 420)


def test_the_first_kind_whose_fields_a_row_has_counts() -> None:
    assert kind_of({"dialogue": "A: hi", "summary": "Hi.", "text": "x"}) == SUMMARY
    assert kind_of({"dialogue": "A: hi", "summary": " ", "input": "x", "target": "y"}) == INSTRUCTION
    assert kind_of({"text": "x", "input": "y"}) == TEXT
    assert kind_of({"dialogue": "A: hi", "text": 3}) is None


def test_a_row_of_no_kind_is_named(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", [*SUMMARIES, {"dialogue": "A: hi"}])
    with pytest.raises(UsageError, match=r'rows.jsonl, row 13: needs "dialogue" and "summary"'):
        read_corpus([data], None)


def test_texts_alone_are_too_little_and_so_is_an_empty_file(tmp_path: Path) -> None:
    texts = write(tmp_path / "texts.jsonl", TEXTS)
    with pytest.raises(DataMissing, match="two dialogues with summaries"):
        read_corpus([texts], None)
    with pytest.raises(DataMissing, match="two dialogues with summaries"):
        read_corpus([write(tmp_path / "one.jsonl", [*TEXTS, SUMMARIES[0]])], None)
    with pytest.raises(DataMissing, match="no dialogues with summaries"):
        read_corpus([write(tmp_path / "rows.jsonl", SUMMARIES)], texts)
    with pytest.raises(DataMissing, match="has no rows"):
        read_corpus([write(tmp_path / "empty.jsonl", [])], None)


def test_only_dialogues_with_summaries_are_held_out(tmp_path: Path) -> None:
    rows, held_out = read_corpus([write(tmp_path / "rows.jsonl", [*TEXTS, *ANSWERS, *SUMMARIES])], None)
    # Every twentieth of the 12 dialogues, from the second: one.
    assert held_out == [SUMMARIES[1]]
    assert rows == [*TEXTS, *ANSWERS, *(row for row in SUMMARIES if row != SUMMARIES[1])]


def test_speakers_become_tags_in_the_dialogue_and_in_what_is_said_of_it(tmp_path: Path) -> None:
    talk = {
        "dialogue": "Tom: Hi Anna!\nAnna: Hello.",
        "summary": "Anna greets Tom.",
        "topic": "Tom's greeting",
    }
    text = {"text": "User: I want a table.\nSystem: For how many?"}
    prose = {"text": "Tom went home. Anna did not."}
    order = {"input": "Tom: Hi!\nAnna: Hello.", "target": "Anna"}
    data = write(tmp_path / "rows.jsonl", [talk, text, prose, order, SUMMARIES[0]])
    rows, _ = read_corpus([data], write(tmp_path / "dev.jsonl", SUMMARIES))
    assert rows[0] == {
        "dialogue": "#Person1#: Hi #Person2#!\n#Person2#: Hello.",
        "summary": "#Person2# greets #Person1#.",
        "topic": "#Person1#'s greeting",
    }
    assert rows[1] == {"text": "#Person1#: I want a table.\n#Person2#: For how many?"}
    assert rows[2:] == [prose, order, SUMMARIES[0]]


def test_tags_of_the_data_are_given_anew_in_order_of_speaking(tmp_path: Path) -> None:
    talk = {"dialogue": "#Person2#: Hi.\n#Person1#: Hello, #Person2#.", "summary": "#Person2# greets #Person1#."}
    rows, _ = read_corpus([write(tmp_path / "rows.jsonl", [talk])], write(tmp_path / "dev.jsonl", SUMMARIES))
    assert rows == [
        {"dialogue": "#Person1#: Hi.\n#Person2#: Hello, #Person1#.", "summary": "#Person1# greets #Person2#."}
    ]


def test_every_dialogue_and_instruction_comes_once_and_texts_in_their_share(tokenizer: Tokenizer) -> None:
    config = replace(CONFIG, denoise=0.2)
    corpus = gather([*SUMMARIES, *ANSWERS, *TEXTS], config, tokenizer)
    # The dialogues are texts too.
    assert (len(corpus.dialogues), len(corpus.instructions), len(corpus.texts)) == (12, 4, 15)
    targets = []
    for batch in epoch_batches(config, corpus, tokenizer, 0):
        targets += [[index for index in row if index != IGNORED] for row in batch.labels.tolist()]
    marks = sentinels(tokenizer)
    hidden = [row for row in targets if row[0] == marks[0]]
    # 16 examples are four fifths: 16 x 0.2 / 0.8 = 4 more.
    assert len(hidden) == 4
    told = sorted(tokenizer.decode(row) for row in targets if row not in hidden)
    assert told == sorted([row["summary"] for row in SUMMARIES] + [row["target"] for row in ANSWERS])


def test_texts_without_a_share_are_refused_and_not_passed_over(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match=r"the data has plain texts.*--denoise 0\.3"):
        gather([*SUMMARIES, *TEXTS], CONFIG, tokenizer)
    corpus = gather(SUMMARIES, CONFIG, tokenizer)
    assert corpus.texts == []
    assert sum(len(batch.labels) for batch in epoch_batches(CONFIG, corpus, tokenizer, 0)) == 12


def test_a_long_text_comes_in_pieces_that_fit_and_nothing_is_lost(tokenizer: Tokenizer) -> None:
    long = {"text": " ".join(f"garden {i}" for i in range(200))}
    config = replace(CONFIG, denoise=0.5)
    pieces = gather([SUMMARIES[0], long], config, tokenizer).texts[:-1]  # The last one is the dialogue.
    assert max(map(len, pieces)) == config.window - 2
    assert tokenizer.decode([i for piece in pieces for i in piece], skip_special_tokens=False) == long["text"]
    corpus = gather([SUMMARIES[0], long], config, tokenizer)
    assert all(
        batch.input_ids.shape[1] <= 128  # 120 rounded up to what batches are padded to
        for epoch in range(30)
        for batch in epoch_batches(config, corpus, tokenizer, epoch)
    )


def test_instructions_longer_than_the_window_are_left_out_and_counted(tokenizer: Tokenizer) -> None:
    long = {"input": "far too long " * 100, "target": "no"}
    answered = {"input": "no", "target": "far too long " * 100}
    corpus = gather([*SUMMARIES, *ANSWERS, long, answered], CONFIG, tokenizer)
    assert len(corpus.instructions) == 4
    assert corpus.left_out == 2


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0])
def test_a_share_that_is_none_is_refused(tokenizer: Tokenizer, share: float) -> None:
    with pytest.raises(UsageError, match="--denoise must be at least 0 and below 1"):
        gather(SUMMARIES, replace(CONFIG, denoise=share), tokenizer)


def test_a_tokenizer_without_sentinels_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1}, unk_token="<unk>"))
    with pytest.raises(UsageError, match="no tokens <extra_id_N>"):
        gather(SUMMARIES, replace(CONFIG, denoise=0.3), tokenizer)


def test_hidden_spans_of_a_text_are_learnt(tmp_path: Path) -> None:
    config = replace(CONFIG, denoise=0.5, max_steps=60, learning_rate=3e-2)
    data = write(tmp_path / "data.jsonl", [*SUMMARIES, *ANSWERS, *TEXTS])
    run = Run.start("pocket", config, [data], config.seed)
    rows, held_out = read_corpus([data], None)
    figures = pocket.train(config, rows, held_out, tmp_path / "model", run, StopRequested())
    run.close()
    losses = [row["loss"] for row in run.metrics() if "loss" in row]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    assert figures["rows"] == 18
