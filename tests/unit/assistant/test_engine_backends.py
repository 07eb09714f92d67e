"""Both backends over the same weights: the same text, the same probabilities, the same meaning of every setting."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from assistant.engine import BACKENDS
from assistant.engine.ctranslate import CTranslateBackend
from assistant.engine.protocol import Backend
from assistant.engine.threads import Layout, Plan
from assistant.engine.tokens import GrowingText, ModelTokenizer
from assistant.errors import ModelDamaged
from assistant.records import BackendName, GenerationSettings
from tests.tiny_models import LESSONS
from tests.unit.assistant.engines import GREEDY, SOURCES, version_of

WILD = GenerationSettings(decoding="sample", max_new_tokens=24, min_new_tokens=24, temperature=3.0, top_k=0)


PLAN = Plan(one=Layout(workers=1, threads=1), many=Layout(workers=2, threads=1))


@pytest.fixture(scope="module")
def backends(
    taught_model: Path, tiny_conversion: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[BackendName, Backend]:
    version = msgspec.structs.replace(version_of(taught_model), converted=str(tiny_conversion))
    return {name: load(version, 1, lambda progress: None) for name, load in BACKENDS.items()}


@pytest.fixture(params=["ctranslate", "transformers"])
def backend(request: pytest.FixtureRequest, backends: dict[BackendName, Backend]) -> Backend:
    return backends[request.param]


def test_every_backend_goes_by_the_name_it_is_listed_under(backends: dict[BackendName, Backend]) -> None:
    assert {name: backend.name for name, backend in backends.items()} == {name: name for name in BACKENDS}


def test_both_backends_write_the_taught_summaries(backend: Backend) -> None:
    for settings in (GREEDY, GenerationSettings(), GenerationSettings(decoding="sample", temperature=0.01)):
        drafts = backend.generate(SOURCES, settings, 0)
        assert [row[0].text for row in drafts] == list(LESSONS.values())
        assert {row[0].finished for row in drafts} == {"end"}


def test_both_backends_give_the_same_probabilities(backends: dict[BackendName, Backend]) -> None:
    # One completion learnt by heart, one that the model finds unlikely, and lengths that differ in one batch.
    pairs = [(SOURCES[0], LESSONS[SOURCES[0]]), (SOURCES[1], "Tom: books room 4, 10:30."), (SOURCES[0], "No")]
    prompts, completions = [p for p, _ in pairs], [c for _, c in pairs]
    exact = backends["transformers"].score(prompts, completions)
    fast = backends["ctranslate"].score(prompts, completions)
    tokens = [backends["ctranslate"].count_tokens(text) for text in completions]
    assert [len(row) for row in exact] == [len(row) for row in fast] == tokens
    differences = [abs(a - b) for x, y in zip(exact, fast, strict=True) for a, b in zip(x, y, strict=True)]
    assert sum(differences) / len(differences) < 0.1
    assert sum(exact[0]) > -2 > -20 > sum(exact[1])


@pytest.mark.parametrize("decoding", ["greedy", "beam", "sample"])
def test_a_drafts_score_is_its_mean_log_probability(backend: Backend, decoding: str) -> None:
    settings = GenerationSettings(
        decoding=decoding,  # type: ignore[arg-type]
        beams=3,
        temperature=0.3,  # narrows what is drawn, but is no part of the model's probability
        max_new_tokens=30,
        no_repeat_ngram=0,
        length_penalty=0.5,
    )
    draft = backend.generate([SOURCES[0]], settings, 1)[0][0]
    assert draft.finished == "end"
    gains = backend.score([SOURCES[0]], [draft.text])[0]
    assert draft.tokens == len(gains)
    assert draft.score == pytest.approx(sum(gains) / len(gains), abs=0.02)


def test_token_limits_mean_the_same_and_the_end_mark_counts(backend: Backend) -> None:
    for decoding in ("greedy", "beam", "sample"):
        exact = GenerationSettings(decoding=decoding, max_new_tokens=17, min_new_tokens=17, no_repeat_ngram=0)  # type: ignore[arg-type]
        draft = backend.generate([SOURCES[0]], exact, 0)[0][0]
        assert (draft.tokens, draft.finished) == (17, "length")
    # "#Person2#: is coming." has 9 pieces with its end mark, so a limit of 8 cuts the mark off and 9 does not.
    count = backend.count_tokens(LESSONS[SOURCES[1]])
    for limit, finished in ((count - 1, "length"), (count, "end")):
        settings = msgspec.structs.replace(GREEDY, max_new_tokens=limit)
        draft = backend.generate([SOURCES[1]], settings, 0)[0][0]
        assert (draft.tokens, draft.finished, draft.text) == (limit, finished, LESSONS[SOURCES[1]])


def test_a_seed_repeats_its_samples_and_another_draws_others(backend: Backend) -> None:
    settings = msgspec.structs.replace(WILD, drafts=3)
    first, again, other = (backend.generate([SOURCES[0]], settings, seed)[0] for seed in (5, 5, 6))
    assert first == again
    assert [draft.text for draft in first] != [draft.text for draft in other]
    assert len({draft.text for draft in first}) == 3


def test_beam_drafts_are_distinct_and_best_first(backend: Backend) -> None:
    settings = GenerationSettings(beams=4, drafts=3, max_new_tokens=30, no_repeat_ngram=0)
    drafts = backend.generate([SOURCES[0]], settings, 0)[0]
    assert drafts[0].text == LESSONS[SOURCES[0]]
    assert len({draft.text for draft in drafts}) == 3
    scores = [draft.score for draft in drafts if draft.score is not None]
    assert scores == sorted(scores, reverse=True)


def test_penalties_change_the_text(backend: Backend) -> None:
    long = msgspec.structs.replace(GREEDY, max_new_tokens=40, min_new_tokens=40)
    plain = backend.generate([SOURCES[0]], long, 0)[0][0].text
    for change in ({"no_repeat_ngram": 2}, {"repetition_penalty": 3.0}):
        draft = backend.generate([SOURCES[0]], msgspec.structs.replace(long, **change), 0)[0][0]
        assert draft.text != plain
    # A repetition penalty makes the score something else than a probability.
    assert draft.score is None


def test_a_stream_shows_pieces_that_join_to_the_text(backend: Backend) -> None:
    pieces: list[str] = []
    draft = backend.generate([SOURCES[0]], WILD, 3, on_piece=pieces.append)[0][0]
    assert "".join(pieces) == draft.text
    assert len(pieces) > 5
    assert draft == backend.generate([SOURCES[0]], WILD, 3)[0][0]


def test_a_cancelled_text_keeps_what_was_written(backend: Backend) -> None:
    pieces: list[str] = []
    settings = msgspec.structs.replace(GREEDY, max_new_tokens=500, min_new_tokens=500)
    found = backend.generate([SOURCES[0]], settings, 0, on_piece=pieces.append, cancelled=lambda: len(pieces) >= 6)
    draft = found[0][0]
    assert draft.finished == "cancelled"
    assert draft.text == "".join(pieces)
    assert draft.tokens < 30


def test_long_prompts_are_not_cut(backend: Backend) -> None:
    # CTranslate2 would stop reading after 1,024 pieces: what comes later must still change the probabilities.
    filler = "Tom: Fine.\n" * 300
    assert backend.count_tokens(filler) > 1_100
    rows = backend.score([filler + SOURCES[0], filler + SOURCES[1]], ["The", "The"])
    assert rows[0][0] != pytest.approx(rows[1][0], abs=1e-6)


def test_a_damaged_conversion_is_named(taught_model: Path, tiny_conversion: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes((tiny_conversion / "model.bin").read_bytes()[:1000])
    for name in ("config.json", "shared_vocabulary.json"):
        (tmp_path / name).write_bytes((tiny_conversion / name).read_bytes())
    with pytest.raises(ModelDamaged, match="remove that folder"):
        CTranslateBackend(ModelTokenizer(taught_model), tmp_path, PLAN)


def test_a_stream_never_shows_half_a_character(taught_model: Path) -> None:
    tokenizer = ModelTokenizer(taught_model)
    text = "Zoë: 好的 👍🏽 …fin"
    ids = tokenizer.encode(text)[:-1]
    assert len(ids) > len(text)  # the tiny vocabulary spells these characters in bytes
    pieces: list[str] = []
    growing = GrowingText(tokenizer, pieces.append)
    for index in ids:
        growing.add(index)
        assert text.startswith("".join(pieces))
    growing.finish(tokenizer.decode(ids))
    assert "".join(pieces) == text


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("{}")])
def test_a_tokenizer_that_cannot_be_read_is_named(
    spoil: Callable[[Path], object], taught_model: Path, tmp_path: Path
) -> None:
    place = tmp_path / "tokenizer.json"
    place.write_bytes((taught_model / "tokenizer.json").read_bytes())
    spoil(place)
    with pytest.raises(ModelDamaged, match=r"tokenizer\.json"):
        ModelTokenizer(tmp_path)


@pytest.mark.parametrize("decoding", ["greedy", "beam"])
def test_texts_written_side_by_side_keep_their_places(taught_model: Path, tiny_conversion: Path, decoding: str) -> None:
    settings = GenerationSettings(decoding=decoding, max_new_tokens=30, no_repeat_ngram=0)  # type: ignore[arg-type]
    side_by_side = CTranslateBackend(ModelTokenizer(taught_model), tiny_conversion, PLAN)
    # 26 prompts of two lengths are four batches of at most eight for two workers, sorted by length on the way.
    prompts = [SOURCES[i % 2] for i in range(26)]
    texts = [row[0].text for row in side_by_side.generate(prompts, settings, 0)]
    assert texts == [LESSONS[prompt] for prompt in prompts]
    assert [len(row) for row in side_by_side.score(prompts, texts)] == list(map(side_by_side.count_tokens, texts))


def test_a_sample_after_a_batch_is_the_sample_before_it(taught_model: Path, tiny_conversion: Path) -> None:
    backend = CTranslateBackend(ModelTokenizer(taught_model), tiny_conversion, PLAN)
    before = backend.generate([SOURCES[0]], WILD, 4)
    backend.generate(SOURCES * 5, GREEDY, 0)
    backend.prepare()
    assert backend.generate([SOURCES[0]], WILD, 4) == before
