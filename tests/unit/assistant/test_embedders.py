"""Another embedder: pulled from a Hub on this machine, prepared, and all documents indexed again with it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.answering.library import embedder_state, open_library
from assistant.cli import main
from assistant.errors import ModelDamaged, ModelMissing
from assistant.locations import conversions_dir, models_dir
from assistant.models.embedders import embedder_folder, list_embedders
from assistant.models.pull import pull
from assistant.models.registry import list_models, resolve
from assistant.settings import KnowledgeSettings, Settings, load_settings
from knowledge.errors import EmbedderChanged
from knowledge.search.opening import open_embedder
from tests.hub import Hub, serving
from tests.tiny_embedder import build_tiny_embedder
from tests.unit.knowledge.samples import FACT

ID = "org/multilingual-e5-tiny"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_embedder(tmp_path_factory.mktemp("embedder") / "model")


@pytest.fixture(scope="module")
def conversions(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted once for all tests, which takes ten seconds."""
    cache = tmp_path_factory.mktemp("converted")
    open_embedder(ID, cache, folder=tiny)
    return cache


@pytest.fixture
def hub(tiny: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tiny, monkeypatch, ID) as server:
        server.files["1_Pooling/config.json"] = (tiny / "1_Pooling" / "config.json").read_bytes()
        server.files |= {"onnx/config.json": b"{}", "onnx/model.onnx": b"onnx", "1_a/../../escaped/config.json": b"{}"}
        yield server


@pytest.fixture
def pulled(tiny: Path, conversions: Path) -> Path:
    """As a pull leaves it, converted."""
    conversions_dir().parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(conversions, conversions_dir(), dirs_exist_ok=True)
    return Path(shutil.copytree(tiny, models_dir() / ID.replace("/", "--")))


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, err = _run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_pull_brings_what_an_embedder_needs_and_nothing_else(hub: Hub, tiny: Path) -> None:
    folder = pull(ID)
    here = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert here == {str(path.relative_to(tiny)): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
    assert pull(ID) == folder, "what is here is not fetched again"


def test_a_pulled_embedder_is_ready_and_says_how_it_is_used(
    hub: Hub, conversions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(conversions, conversions_dir())
    found = _json(capsys, "models", "pull", ID)
    assert (found["model"], found["licence"]) == (ID, "mit")
    assert (Path(found["converted"]) / "model.bin").is_file()
    _, out, _ = _run(capsys, "models", "pull", ID)
    assert out.endswith(f"converted. Use it with: assistant knowledge update --embedder {ID}\n")
    (listed,) = [row for row in _json(capsys, "models", "list") if row["kind"] == "embedder"]
    assert (listed["ref"], listed["folder"]) == (ID, found["folder"])
    assert "embedder for your documents" in _run(capsys, "models", "list")[1]
    assert _run(capsys, "models", "remove", ID)[0] == 0
    assert list_embedders() == []


def test_another_embedder_indexes_everything_again_and_is_kept(
    pulled: Path, minilm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(FACT)
    _json(capsys, "knowledge", "add", str(tmp_path / "docs"))
    with open_library(load_settings().knowledge) as running:
        assert running.search("harbour").hits[0].text == FACT

        changed = _json(capsys, "knowledge", "update", "--embedder", ID)
        assert (changed["added"], changed["passages"]) == (1, 1)
        assert load_settings().knowledge.embedder == ID
        (hit,) = _json(capsys, "knowledge", "search", "harbour")
        assert hit["text"] == FACT
        # The same again changes nothing.
        assert _json(capsys, "knowledge", "update", "--embedder", ID)["unchanged"] == 1

        with pytest.raises(EmbedderChanged, match=r"indexed with multilingual-e5-tiny-.*, not with minilm-"):
            running.search("harbour")
    assert _json(capsys, "knowledge", "update", "--embedder", "minilm")["passages"] == 1
    assert load_settings().knowledge.embedder == "minilm"


def test_a_folder_is_kept_as_an_absolute_path(
    pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pulled.parent)
    assert _run(capsys, "knowledge", "update", "--embedder", f"./{pulled.name}")[0] == 0
    assert load_settings().knowledge.embedder == str(pulled)


@pytest.mark.parametrize(
    ("ref", "complaint"),
    [
        ("no/such", "there is no embedder 'no/such' on this machine: `assistant models pull no/such` downloads it"),
        ("typo", "there is no embedder 'typo' on this machine: name a folder or a Hub id"),
        ("./empty", "is no embedder, which is a sentence-transformers model with modules.json"),
    ],
)
def test_what_is_no_embedder_here_is_refused_and_changes_nothing(
    ref: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = _run(capsys, "knowledge", "update", "--embedder", ref)
    assert (code, out) == (3, "")
    assert complaint in err and err.count("\n") == 1
    assert load_settings().knowledge.embedder == "minilm"


def test_an_embedder_set_elsewhere_is_changed_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSISTANT_KNOWLEDGE_EMBEDDER", "minilm")
    code, _, err = _run(capsys, "knowledge", "update", "--embedder", ID)
    assert (code, "comes from the environment: change it there" in err) == (2, True)


def test_an_embedder_is_no_model_that_writes(pulled: Path) -> None:
    assert [model.ref for model in list_models()] == ["pocket"]
    with pytest.raises(ModelDamaged, match="holds an embedder: `assistant knowledge update --embedder REF` uses it"):
        resolve(ID, Settings())


def test_a_damaged_embedder_is_refused(pulled: Path) -> None:
    weights = pulled / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(ModelDamaged, match="get the model again"):
        embedder_folder(ID)
    assert list_embedders() == []
    weights.unlink()
    with pytest.raises(ModelDamaged, match=r"no model\.safetensors"):
        embedder_folder(ID)
    shutil.rmtree(pulled)
    with pytest.raises(ModelMissing):
        embedder_folder(ID)


def test_doctor_names_what_the_embedder_computes_in(pulled: Path) -> None:
    exact_or_not = (f"{ID} as int8", f"{ID} as float32: int8 is not exact enough on this processor")
    assert embedder_state(KnowledgeSettings(embedder=ID)) in exact_or_not
    shutil.rmtree(conversions_dir())
    assert embedder_state(KnowledgeSettings(embedder=ID)) == f"{ID}, prepared when documents are first read"
