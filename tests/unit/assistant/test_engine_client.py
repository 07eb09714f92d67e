"""The engine as its callers see it, over the real worker process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.engine.client import Engine
from assistant.engine.protocol import Finished, Piece, Progress, Written
from assistant.errors import EngineDied, Interrupted, ModelDamaged, ModelMissing, UsageError
from assistant.records import GenerationSettings
from tests.tiny_models import LESSONS
from tests.unit.assistant.engines import ENDLESS, ENDLESS_BEAMS, GREEDY, SOURCES, version_of, wait_until


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def engine(tiny_model: Path, notices: list[str]) -> Iterator[Engine]:
    with Engine(on_notice=notices.append) as engine:
        engine.load(version_of(tiny_model), "ctranslate", threads=1)
        yield engine


def worker_of(engine: Engine) -> int:
    assert engine.process_id is not None
    return engine.process_id


def text_of(finished: Finished) -> str:
    return finished.drafts[0][0].text


def test_importing_the_client_imports_no_model_library() -> None:
    probe = "import sys, assistant.engine.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "ctranslate2", "tokenizers", "numpy"} & set(loaded)


def test_a_loaded_model_writes_what_it_was_taught_and_says_that_it_ended(engine: Engine) -> None:
    finished = engine.generate([SOURCES[0]], GREEDY)
    draft = finished.drafts[0][0]
    assert draft.text == LESSONS[SOURCES[0]]
    assert draft.finished == "end"
    assert finished.prompt_tokens == (engine.count_tokens(SOURCES[0]),)
    # A text learnt by heart is nearly certain: a mean log-probability a token close to zero.
    assert draft.score is not None
    assert -0.2 < draft.score < 0


def test_loading_tells_its_stages_and_what_serves(tiny_model: Path) -> None:
    stages: list[Progress] = []
    with Engine() as engine:
        assert engine.loaded is None
        loaded = engine.load(version_of(tiny_model), "ctranslate", threads=1, on_progress=stages.append)
        assert engine.loaded == loaded
    assert [progress.stage for progress in stages] == ["loading"]
    assert loaded.backend == "ctranslate"
    assert loaded.backend_version[0].isdigit()


def test_the_pieces_of_a_stream_join_to_the_text_that_generate_gives(engine: Engine) -> None:
    *pieces, finished = engine.stream(SOURCES[0], GREEDY)
    assert isinstance(finished, Finished)
    assert len(pieces) > 3
    joined = "".join(piece.text for piece in pieces if isinstance(piece, Piece))
    assert joined == text_of(finished) == text_of(engine.generate([SOURCES[0]], GREEDY))


def test_a_batch_comes_back_in_the_order_of_its_prompts_and_tells_each_text_as_it_comes(engine: Engine) -> None:
    prompts = [SOURCES[i % 2] + "\nTom: Fine." * (i % 5) for i in range(20)]
    written: list[Written] = []
    progress: list[Progress] = []
    finished = engine.generate(prompts, GREEDY, on_progress=progress.append, on_written=written.append)
    assert [drafts[0].text for drafts in finished.drafts[:2]] == list(LESSONS.values())
    alone = [text_of(engine.generate([prompt], GREEDY)) for prompt in prompts]
    assert [drafts[0].text for drafts in finished.drafts] == alone
    assert sorted(reply.index for reply in written) == list(range(20))
    assert [(report.done, report.total) for report in progress] == [(i, 20) for i in range(1, 21)]


def test_a_seed_draws_the_same_samples_again_alone_and_in_a_batch(engine: Engine) -> None:
    settings = GenerationSettings(decoding="sample", drafts=3, max_new_tokens=20, temperature=3.0, top_k=0, seed=7)
    first = engine.generate([SOURCES[0]], settings)
    again = engine.generate([SOURCES[1], SOURCES[0]], settings)
    other = engine.generate([SOURCES[0]], GenerationSettings(**{**_as_dict(settings), "seed": 8}))
    assert [draft.text for draft in first.drafts[0]] == [draft.text for draft in again.drafts[1]]
    assert [draft.text for draft in first.drafts[0]] != [draft.text for draft in other.drafts[0]]
    assert len({draft.text for draft in first.drafts[0]}) == 3
    assert first.seed == 7


def test_a_sample_without_a_seed_tells_the_seed_that_repeats_it(engine: Engine) -> None:
    settings = GenerationSettings(decoding="sample", max_new_tokens=20, temperature=3.0, top_k=0)
    *_, first = engine.stream(SOURCES[0], settings)
    assert isinstance(first, Finished)
    again = engine.generate([SOURCES[0]], GenerationSettings(**{**_as_dict(settings), "seed": first.seed}))
    assert text_of(again) == text_of(first)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (GenerationSettings(decoding="greedy", drafts=2), "several drafts"),
        (GenerationSettings(decoding="beam", beams=2, drafts=3), "raise beams"),
        (GenerationSettings(decoding="sample", temperature=0.0), "temperature"),
        (GenerationSettings(min_new_tokens=9, max_new_tokens=8), "must not exceed"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(
    engine: Engine, settings: GenerationSettings, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        engine.generate([SOURCES[0]], settings)


def test_beams_cannot_be_streamed(engine: Engine) -> None:
    with pytest.raises(UsageError, match="streamed"):
        engine.stream(SOURCES[0], GenerationSettings())


def test_nothing_is_written_before_a_model_is_loaded(home: Path) -> None:
    with Engine() as engine, pytest.raises(ModelMissing, match="no model is loaded"):
        engine.generate(["Hello"], GREEDY)


def test_a_cancelled_stream_keeps_its_text(engine: Engine) -> None:
    written: list[str] = []
    for reply in engine.stream(SOURCES[0], ENDLESS):
        if isinstance(reply, Piece):
            written.append(reply.text)
            if len(written) == 20:
                engine.cancel()
        else:
            finished = reply
    assert finished.drafts[0][0].finished == "cancelled"
    assert text_of(finished) == "".join(written)
    assert len(written) >= 20
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_a_worker_that_does_not_answer_a_cancel_is_replaced(engine: Engine, notices: list[str]) -> None:
    before = worker_of(engine)
    stream = engine.stream(SOURCES[0], ENDLESS)
    text = [next(stream) for _ in range(3)]
    os.kill(before, signal.SIGSTOP)
    engine.cancel()
    *_, finished = stream
    assert isinstance(finished, Finished)
    assert finished.drafts[0][0].finished == "cancelled"
    assert text_of(finished).startswith("".join(piece.text for piece in text if isinstance(piece, Piece)))
    assert worker_of(engine) != before
    assert notices == []
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_cancelled_beams_end_and_the_model_is_back(engine: Engine) -> None:
    threading.Timer(0.3, engine.cancel).start()
    with pytest.raises(Interrupted):
        engine.generate([SOURCES[0]], ENDLESS_BEAMS)
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_a_cancelled_batch_returns_what_was_done(engine: Engine) -> None:
    settings = GenerationSettings(beams=4, max_new_tokens=60, min_new_tokens=60, no_repeat_ngram=0)
    prompts = [SOURCES[0]] * 100
    finished = engine.generate(prompts, settings, on_written=lambda written: engine.cancel())
    # Cancelled at the first text, which came in a batch: that one is kept, and a hundred were not written.
    done = [drafts for drafts in finished.drafts if drafts]
    assert 1 <= len(done) < 100
    assert len(finished.drafts) == 100


def test_a_stream_left_early_frees_the_engine_for_the_next_request(engine: Engine) -> None:
    before = worker_of(engine)
    for reply in engine.stream(SOURCES[0], ENDLESS):
        assert isinstance(reply, Piece)
        break
    assert text_of(engine.generate([SOURCES[1]], GREEDY)) == LESSONS[SOURCES[1]]
    assert worker_of(engine) == before


def test_a_worker_killed_while_it_writes_is_replaced_and_the_text_kept(engine: Engine, notices: list[str]) -> None:
    written: list[str] = []
    for reply in engine.stream(SOURCES[0], ENDLESS):
        if isinstance(reply, Piece):
            written.append(reply.text)
            if len(written) == 5:
                os.kill(worker_of(engine), signal.SIGKILL)
        else:
            finished = reply
    assert finished.drafts[0][0].finished == "cancelled"
    assert text_of(finished) == "".join(written)
    assert len(notices) == 1
    assert "started again" in notices[0]
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_a_request_that_had_shown_nothing_is_asked_again_of_the_new_worker(engine: Engine, notices: list[str]) -> None:
    os.kill(worker_of(engine), signal.SIGKILL)
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]
    assert len(notices) == 1
    assert "SIGKILL" in notices[0]


def test_a_second_death_in_one_request_is_an_error_and_the_next_request_works(
    engine: Engine, notices: list[str]
) -> None:
    def kill_twice() -> None:
        first = worker_of(engine)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: engine.process_id not in {None, first})
        os.kill(worker_of(engine), signal.SIGKILL)

    killer = threading.Timer(0.2, kill_twice)
    killer.start()
    with pytest.raises(EngineDied, match="ended twice"):
        engine.generate([SOURCES[0]], ENDLESS_BEAMS)
    killer.join()
    assert len(notices) == 1
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelDamaged, match=r"lacks config\.json"):
        engine.load(version_of(tmp_path / "empty"), "ctranslate")
    assert text_of(engine.generate([SOURCES[0]], GREEDY)) == LESSONS[SOURCES[0]]


def test_requests_of_several_threads_wait_for_one_another(engine: Engine) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: texts.append(text_of(engine.generate([SOURCES[i % 2]], GREEDY))))  # type: ignore[misc]
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == sorted([LESSONS[source] for source in SOURCES] * 3)


def test_the_worker_ends_when_the_engine_closes_and_when_its_parent_dies(engine: Engine, tiny_model: Path) -> None:
    worker = worker_of(engine)
    engine.close()
    assert not Path(f"/proc/{worker}").exists()
    with pytest.raises(Interrupted, match="closed"):
        engine.generate([SOURCES[0]], GREEDY)
    probe = (
        "import os, sys; from assistant.engine.client import Engine; from assistant.records import ModelVersion\n"
        "engine = Engine(); engine.load(ModelVersion(ref='x', folder=sys.argv[1], kind='path'), 'ctranslate', 1)\n"
        "print(engine.process_id, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", probe, str(tiny_model)], capture_output=True, text=True, check=False)
    orphan = int(done.stdout)
    wait_until(lambda: not _is_alive(orphan))


def test_the_worker_imports_neither_torch_nor_transformers_on_the_fast_path(engine: Engine) -> None:
    maps = Path(f"/proc/{worker_of(engine)}/maps").read_text()
    assert "ctranslate2" in maps
    assert "libtorch" not in maps


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _as_dict(settings: GenerationSettings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def test_a_worker_of_another_version_is_ended_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As after an update below a running app: what the new worker says is no message of the old client's.
    folder = tmp_path / "newer" / "assistant" / "engine"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    (folder / "worker.py").write_text("import os, time\nos.write(1, b'\\x01\\0\\0\\0' + b'\\xc1')\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "newer"))

    with Engine() as engine, pytest.raises(EngineDied, match="was Parley updated"):
        engine.load(version_of(tmp_path), "ctranslate")
