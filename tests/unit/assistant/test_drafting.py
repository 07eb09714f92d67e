"""Drafts are chosen and kept faithful: on real models that were taught to say what the conversation may lack."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from assistant.drafting import Drawn, PartPrompt, aim, can_stream, draw, draw_stream
from assistant.drafting.barring import barred_ids, beginnings
from assistant.drafting.fitting import fit
from assistant.engine.client import Engine
from assistant.engine.protocol import Piece
from assistant.engine.tokens import tokenizer_of
from assistant.records import Ask, Draft, GenerationSettings, Prompt
from assistant.scoring.overlap import agreement, overlap
from tests.unit.assistant.engines import SOURCES, version_of

_BEAMS = GenerationSettings(max_new_tokens=20, no_repeat_ngram=0)
_KNOWN = "The review moves to Friday."


@pytest.fixture(scope="module", params=["ctranslate", "transformers"])
def engine(
    request: pytest.FixtureRequest, taught_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSISTANT_HOME", str(tmp_path_factory.mktemp("home")))
        with Engine() as engine:
            engine.load(version_of(taught_model), request.param)
            yield engine


def _part(source: str) -> PartPrompt:
    """The prompt whose answer was taught, as if the conversation had been `source`."""
    prompt = Prompt(
        text=SOURCES[0], mode="zero-shot", task="summary", phrasing="summarize", tokens=1, budget=512, version="1"
    )
    return PartPrompt(prompt=prompt, source=source, start=0, end=1)


def _drawn(engine: Engine, source: str, **changes: object) -> Drawn:
    settings = GenerationSettings(**{"max_new_tokens": 20, "no_repeat_ngram": 0, **changes})  # type: ignore[arg-type]
    return draw(engine, [_part(source)], settings)


def _text(drawn: Drawn) -> str:
    return drawn.finished.drafts[0][0].text


@pytest.mark.parametrize("faithful", ["off", "rerank", "ban"])
@pytest.mark.parametrize("decoding", ["greedy", "beam"])
def test_a_text_that_the_conversation_supports_is_left_as_it_is(engine: Engine, faithful: str, decoding: str) -> None:
    drawn = _drawn(engine, SOURCES[0], faithful=faithful, decoding=decoding)

    assert _text(drawn) == _KNOWN
    assert len(drawn.finished.drafts[0]) == 1
    assert drawn.guarded[0] is None if faithful == "off" else drawn.guarded[0].avoided == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("faithful", ["rerank", "ban"])
@pytest.mark.parametrize("decoding", ["greedy", "beam", "sample"])
def test_a_name_that_the_conversation_lacks_is_not_written(engine: Engine, faithful: str, decoding: str) -> None:
    drawn = _drawn(engine, "Maya: the review moves.", faithful=faithful, decoding=decoding, seed=3)

    assert "Friday" not in _text(drawn)
    assert drawn.guarded[0] is not None
    assert drawn.guarded[0].barred or "Friday" not in drawn.guarded[0].avoided


def test_off_writes_what_the_model_would(engine: Engine) -> None:
    assert _text(_drawn(engine, "Maya: the review moves.", faithful="off")) == _KNOWN


def test_reranking_says_what_it_avoided(engine: Engine) -> None:
    guarded = _drawn(engine, "Maya: the review moves.", faithful="rerank").guarded[0]

    assert guarded is not None
    assert guarded.avoided == ("Friday",)


# Of the taught model's four beams the likeliest is `_KNOWN`, at -0.11 nats a token, and this is the second, at -0.49.
_SECOND = "Theidayview moves to Friday."
_IN_ITS_WORDS = "Maya: theidayview moves to Friday."
"""A conversation that holds all three content words of the second beam, and two of the three of the first."""


@pytest.mark.parametrize("penalty", [1.0, 1.01])
def test_a_summary_in_the_words_of_the_conversation_is_preferred(engine: Engine, penalty: float) -> None:
    # -0.49 + 3 x 3/3 against -0.11 + 3 x 2/3; under a penalty there is no likelihood, and 3 against 2.
    drafts = _drawn(engine, _IN_ITS_WORDS, repetition_penalty=penalty, drafts=4).finished.drafts[0]

    assert [draft.text for draft in drafts[:2]] == [_SECOND, _KNOWN]


@pytest.mark.parametrize("faithful", ["off", "ban"])
def test_without_a_choice_to_make_the_likeliest_comes_first(engine: Engine, faithful: str) -> None:
    drafts = _drawn(engine, _IN_ITS_WORDS, faithful=faithful, drafts=4).finished.drafts[0]

    assert drafts[0].text == _KNOWN


def test_only_summaries_are_chosen_by_their_words(engine: Engine) -> None:
    part = _part(_IN_ITS_WORDS)
    topic = msgspec.structs.replace(part, prompt=msgspec.structs.replace(part.prompt, task="topic"))

    assert _text(draw(engine, [topic], _BEAMS)) == _KNOWN


def test_conversations_in_one_batch_are_guarded_each_by_its_own_words(engine: Engine) -> None:
    drawn = draw(engine, [_part(SOURCES[0]), _part("Maya: the review moves.")], _BEAMS)

    with_friday, without = (drafts[0].text for drafts in drawn.finished.drafts)
    assert with_friday == _KNOWN
    assert "Friday" not in without


def test_a_banned_text_streams_as_it_is_written_at_once(engine: Engine) -> None:
    settings = GenerationSettings(decoding="greedy", faithful="ban", max_new_tokens=20, no_repeat_ngram=0)
    part = _part("Maya: the review moves.")

    news = list(draw_stream(engine, part, settings))

    pieces = "".join(one.text for one in news if isinstance(one, Piece))
    assert pieces == _text(draw(engine, [part], settings))
    assert "Friday" not in pieces


def test_what_is_barred_depends_on_the_conversation_alone(taught_model: Path) -> None:
    folder = str(taught_model)
    digits = tokenizer_of(folder).encode_all(["3"])[0]

    assert set(digits) <= set(barred_ids(folder, "Maya: the review moves."))
    assert not set(digits) & set(barred_ids(folder, "Maya: the review moves to room 3."))
    lower = {index for index, text in tokenizer_of(folder).inner_texts().items() if text.strip().islower()}
    assert not lower & set(barred_ids(folder, "Maya: the review moves."))


def test_a_name_is_barred_by_every_piece_that_it_may_begin_with(taught_model: Path) -> None:
    folder = str(taught_model)
    texts = tokenizer_of(folder).inner_texts()

    assert {texts[index].strip() for index in beginnings(folder, ["Qr"])} == {"Q"}


def test_only_a_single_text_that_is_not_chosen_can_stream() -> None:
    def streams(**changes: object) -> bool:
        return can_stream(Ask(settings=GenerationSettings(**changes)))  # type: ignore[arg-type]

    assert streams(decoding="greedy")
    assert streams(decoding="sample", faithful="ban")
    assert not streams(decoding="sample", faithful="rerank")
    assert not streams(decoding="beam", faithful="off")
    assert not can_stream(Ask(words=9, settings=GenerationSettings(decoding="greedy")))


def test_aiming_at_words_draws_more_drafts_and_bounds_their_length() -> None:
    settings = aim(GenerationSettings(), 20)

    # 20 words x 1.4 tokens = 28 tokens: at least 0.8 x 28 = 22.4, at most 1.3 x 28 + 4 = 40.4.
    assert (settings.min_new_tokens, settings.max_new_tokens) == (22, 40)
    assert settings.drafts >= 6


def test_the_length_of_a_chain_of_thought_is_that_of_its_answer(engine: Engine) -> None:
    part = _part(SOURCES[0])
    part = msgspec.structs.replace(part, prompt=msgspec.structs.replace(part.prompt, mode="chain-of-thought"))

    drawn = draw(engine, [part], _BEAMS, words=5)

    assert drawn.settings.max_new_tokens == _BEAMS.max_new_tokens, "the reasoning before it may be long"
    assert _text(drawn) == _KNOWN


def test_overlap_is_the_mean_of_words_and_pairs() -> None:
    # "the cat sat" and "The cat ran": 2 of 3 words, 1 of 2 pairs, so (2/3 + 1/2) / 2.
    assert overlap("the cat sat", "The cat ran!") == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert overlap("", "") == 0


def test_the_text_that_agrees_most_with_the_others_is_found() -> None:
    shares = agreement(["Maya moves it", "Maya moves the review", "Maya moves the review today"])

    assert max(shares) == shares[1]
    assert agreement(["alone"]) == [0.0]


def _off(words: int) -> Callable[[Draft], tuple[float, ...]]:
    return lambda draft: (draft.finished != "end", abs(len(draft.text.split()) - words))


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (3, "Mr. Lee came."),
        (5, "Mr. Lee came."),  # 3 and 7 words: as far, and the limit cut the longer one off.
        (7, "Mr. Lee came. Ann left at 4.30."),
        (20, "Mr. Lee came. Ann left at 4.30."),  # 10 words would be nearer, and the last sentence has no end.
    ],
)
def test_a_draft_that_was_cut_off_ends_with_the_sentence_that_fits_the_length(words: int, kept: str) -> None:
    draft = Draft(text="Mr. Lee came. Ann left at 4.30. Then it", tokens=18, score=-1.0, finished="length")

    found = fit(draft, _off(words))

    assert (found.text, found.finished, found.score) == (kept, "end", None)
    assert found.tokens == round(18 * len(kept) / len(draft.text))


def test_a_draft_stays_whole_where_that_is_as_near() -> None:
    # Two sentences of two words: two and four are as far from three.
    draft = Draft(text="Ann came. Bob left.", tokens=7)

    assert fit(draft, _off(3)) is draft
    assert fit(draft, _off(2)).text == "Ann came."
    stopped = Draft(text="Ann came. Bob", tokens=4, finished="cancelled")
    assert fit(stopped, _off(2)) is stopped
    assert fit(Draft(text="no sentence ends here", tokens=5, finished="length"), _off(2)).finished == "length"
