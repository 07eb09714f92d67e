"""References, the start-up choice, and folders that are not what they should be."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import AssistantError, ModelDamaged, ModelMissing
from assistant.locations import models_dir
from assistant.models import registry
from assistant.models.folder import inspect_folder
from assistant.models.registry import choose, choose_backend, list_models, resolve
from assistant.settings import ModelSettings, Settings

BASE = "google/flan-t5-base"


@pytest.fixture(autouse=True)
def no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hub cache of the test's own."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    return tmp_path / "hub-home" / "hub"


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, taught_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pocket of the test's own, so that the weights that ship play no part."""
    folder = shutil.copytree(taught_model, tmp_path / "bundled")
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    return folder


def settings(ref: str = "auto", **model: str) -> Settings:
    return Settings(model=ModelSettings(ref=ref, **model))  # type: ignore[arg-type]


def put(source: Path, place: Path) -> Path:
    return shutil.copytree(source, place)


def put_in_hub_cache(source: Path, cache: Path, name: str) -> Path:
    repository = cache / f"models--{name.replace('/', '--')}"
    put(source, repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123\n")
    return repository / "snapshots" / "abc123"


def promote(ref: str) -> None:
    models_dir().mkdir(parents=True, exist_ok=True)
    (models_dir() / "current.json").write_text(json.dumps({"ref": ref}))


def test_a_folder_tells_its_size_window_and_licence(bundled: Path) -> None:
    (bundled / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n# Pocket\n")
    model = resolve("pocket", settings())
    # 400 x 32 embeddings, used for input and output alike, and the layers: 64-bit counts from the file's own header.
    import safetensors

    with safetensors.safe_open(bundled / "model.safetensors", "np") as file:
        expected = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118 - no dictionary
    assert model.parameters == expected
    assert (model.ref, model.kind, model.window, model.licence) == ("pocket", "bundled", 512, "cc-by-nc-sa-4.0")
    assert model.converted is None


def test_a_bundled_conversion_is_used_where_it_is(bundled: Path) -> None:
    (bundled / "ctranslate").mkdir()
    (bundled / "ctranslate" / "model.bin").write_bytes(b"x")
    assert resolve("pocket", settings()).converted == str(bundled / "ctranslate")


def test_a_pulled_model_comes_before_the_hubs_cache_and_a_path(
    taught_model: Path, no_hub_cache: Path, tmp_path: Path
) -> None:
    put(taught_model, tmp_path / "google" / "flan-t5-base")
    assert resolve(BASE, settings()).kind == "path"
    cached = put_in_hub_cache(taught_model, no_hub_cache, BASE)
    assert resolve(BASE, settings()).folder == str(cached)
    pulled = put(taught_model, models_dir() / "google--flan-t5-base")
    assert resolve(BASE, settings()).folder == str(pulled)
    # Written as a path, it is one.
    here = resolve("./google/flan-t5-base", settings())
    assert (here.kind, here.folder) == ("path", str(tmp_path / "google" / "flan-t5-base"))
    assert here.ref == here.folder


def test_a_registry_version_goes_by_its_name(taught_model: Path) -> None:
    put(taught_model, models_dir() / "standups-3")
    assert resolve("standups-3", settings()).kind == "version"


@pytest.mark.parametrize("ref", ["nobody/nothing", "nothing", "./nothing", "/no/where", "~/nothing", "a/b/c", "../x/y"])
def test_what_is_not_there_is_missing_with_a_way_on(ref: str) -> None:
    with pytest.raises(ModelMissing, match="assistant models list") as caught:
        resolve(ref, settings())
    assert ("assistant models pull nobody/nothing" in str(caught.value)) == (ref == "nobody/nothing")


def test_a_reference_cannot_climb_out_of_the_models_folder(taught_model: Path) -> None:
    put(taught_model, models_dir().parent / "secret")
    for ref in ("..", "x/..", "../secret"):
        with pytest.raises(AssistantError):
            resolve(ref, settings())


def test_the_start_up_choice_is_promoted_then_base_then_pocket(taught_model: Path) -> None:
    model, why = choose(settings())
    assert model.ref == "pocket"
    assert why == (
        "google/flan-t5-base is not on this machine (`assistant models pull google/flan-t5-base` downloads it); "
        "the small bundled model is used."
    )
    put(taught_model, models_dir() / "google--flan-t5-base")
    model, why = choose(settings())
    assert (model.ref, why) == (BASE, "google/flan-t5-base is the base model.")
    put(taught_model, models_dir() / "standups-3")
    promote("standups-3")
    model, why = choose(settings())
    assert (model.ref, why) == ("standups-3", "standups-3 is the promoted model.")
    assert resolve("current", settings()).ref == "standups-3"
    assert resolve("auto", settings()).ref == "standups-3"


def test_a_promoted_model_that_is_gone_is_passed_over_and_said() -> None:
    promote("standups-3")
    model, why = choose(settings())
    assert model.ref == "pocket"
    assert why.startswith("The promoted model cannot be used (there is no model 'standups-3'")


def test_a_damaged_base_is_passed_over_and_said(taught_model: Path) -> None:
    base = put(taught_model, models_dir() / "google--flan-t5-base")
    (base / "model.safetensors").unlink()
    model, why = choose(settings())
    assert model.ref == "pocket"
    assert "has no model.safetensors" in why


def test_a_named_model_is_never_replaced_by_another() -> None:
    with pytest.raises(ModelMissing):
        choose(settings("nobody/nothing"))
    assert choose(settings("pocket"))[1] == "pocket was chosen in the settings."


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"ref": ""}', '{"ref": "current"}', '{"ref": 3}'])
def test_a_broken_promoted_pointer_is_named(content: str) -> None:
    models_dir().mkdir(parents=True)
    (models_dir() / "current.json").write_text(content)
    with pytest.raises(ModelDamaged, match=r"current\.json"):
        resolve("current", settings())


def test_the_list_has_every_whole_model_once(taught_model: Path, no_hub_cache: Path) -> None:
    put_in_hub_cache(taught_model, no_hub_cache, BASE)
    put_in_hub_cache(taught_model, no_hub_cache, "org/with--dashes")
    put(taught_model, models_dir() / "google--flan-t5-base")
    put(taught_model, models_dir() / "standups-3")
    (models_dir() / "unfinished").mkdir()
    assert [(model.ref, model.kind) for model in list_models()] == [
        ("pocket", "bundled"),
        (BASE, "hub"),
        ("standups-3", "version"),
        ("org/with--dashes", "hub"),
    ]


def _shorten(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _lose_a_shard(folder: Path) -> None:
    index = {"weight_map": {"shared.weight": "model-1.safetensors", "lm_head.weight": "model-2.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _lose_a_tensor(folder: Path) -> None:
    index = {"weight_map": {"shared.weight": "model.safetensors", "elsewhere.weight": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _climb_by_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))


def _leave_a_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _become_a_decoder(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "gpt2"}')


def _damage(name: str, content: str | None) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)

    return damage


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_shorten, "has .* bytes instead of"),
        (_lose_a_shard, r"lacks model-2\.safetensors"),
        (_lose_a_tensor, r"lacks the weights elsewhere\.weight"),
        (_climb_by_index, "not an index of weights"),
        (_leave_a_pointer, "not a safetensors file"),
        (_pickle_only, "only pickled weights: Parley reads safetensors"),
        (_become_a_decoder, "'gpt2' model: Parley reads T5-type"),
        (_damage("config.json", None), r"lacks config\.json"),
        (_damage("config.json", "{"), r"cannot read .*config\.json"),
        (_damage("config.json", "[]"), "not what its name says"),
        (_damage("tokenizer.json", None), r"lacks tokenizer\.json"),
        (_damage("tokenizer.json", "{}"), "not a tokenizer"),
        (_damage("model.safetensors", None), r"no model\.safetensors"),
        (_damage("model.safetensors", ""), "not a safetensors file"),
    ],
)
def test_a_damaged_folder_is_refused_with_what_is_wrong(
    damage: Callable[[Path], None], complaint: str, taught_model: Path, tmp_path: Path
) -> None:
    folder = put(taught_model, tmp_path / "broken")
    inspect_folder(folder)
    damage(folder)
    with pytest.raises(ModelDamaged, match=complaint) as caught:
        resolve(str(folder), settings())
    assert "\n" not in str(caught.value)


def test_a_backend_named_in_the_settings_is_taken_and_else_the_machine_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_backend(settings(backend="transformers")) == "transformers"
    monkeypatch.setattr(registry, "_has_gpu", lambda: False)
    assert choose_backend(settings()) == "ctranslate"
    monkeypatch.setattr(registry, "_has_gpu", lambda: True)
    assert choose_backend(settings()) == "transformers"


def test_a_hidden_gpu_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert choose_backend(settings()) == "ctranslate"


def test_the_registry_imports_no_model_library() -> None:
    probe = "import sys, assistant.models.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=os.environ)
    assert not {"torch", "transformers", "ctranslate2", "tokenizers", "numpy"} & set(done.stdout.split())
