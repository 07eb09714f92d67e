"""Versions made on this machine: registering, promoting, rolling back, removing and exporting."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.cli import main
from assistant.errors import AssistantError, ModelDamaged, ModelMissing, UsageError
from assistant.locations import models_dir
from assistant.models import registry
from assistant.models.exporting import export
from assistant.models.registry import choose, list_models, promoted_ref, resolve
from assistant.models.versions import (
    VersionFacts,
    check_whole,
    policy_of,
    preparing,
    promote,
    read_facts,
    register,
    remove,
    rollback,
)
from assistant.records import ModelVersion
from assistant.settings import load_settings


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, taught_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pocket of the test's own, and no Hub cache but an empty one."""
    folder = shutil.copytree(taught_model, tmp_path / "bundled")
    monkeypatch.setattr(registry, "_BUNDLED", folder)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    return folder


def make(source: Path, **facts: object) -> ModelVersion:
    """Register a copy of the folder."""
    with preparing() as draft:
        shutil.copytree(source, draft, dirs_exist_ok=True)
        return register(draft, VersionFacts(**{"base": "pocket", "method": "lora", **facts}))  # type: ignore[arg-type]


def test_a_version_is_whole_private_and_tells_where_it_comes_from(taught_model: Path) -> None:
    version = make(taught_model, run="sft-1", data_hash="abc", figures={"rouge1": 40.5}, seed=3)
    assert (version.ref, version.kind, version.folder) == ("v1", "version", str(models_dir() / "v1"))
    facts = read_facts("v1")
    assert facts is not None
    assert (facts.name, facts.base, facts.method, facts.run) == ("v1", "pocket", "lora", "sft-1")
    assert (facts.data_hash, facts.figures, facts.seed) == ("abc", {"rouge1": 40.5}, 3)
    assert facts.size_bytes == sum(path.stat().st_size for path in taught_model.iterdir())
    assert facts.created.endswith("Z")
    assert {oct((models_dir() / "v1" / name).stat().st_mode & 0o777) for name in facts.files} == {"0o600"}
    assert not list(models_dir().glob(".*.part"))
    assert read_facts("pocket") is None


def test_a_folder_that_is_no_whole_model_is_not_registered(taught_model: Path) -> None:
    with preparing() as draft:
        shutil.copytree(taught_model, draft, dirs_exist_ok=True)
        (draft / "model.safetensors").write_bytes(b"x")
        with pytest.raises(ModelDamaged):
            register(draft, VersionFacts(base="pocket", method="lora"))
    assert [path.name for path in models_dir().glob("*/")] == []


def test_a_number_is_never_given_twice(taught_model: Path) -> None:
    assert [make(taught_model).ref for _ in range(2)] == ["v1", "v2"]
    remove("v2")
    assert make(taught_model).ref == "v3"
    (models_dir() / "v11").mkdir()  # as a person might have copied it there
    assert make(taught_model).ref == "v12"


def test_two_processes_at_once_get_numbers_of_their_own(taught_model: Path) -> None:
    code = (
        "import shutil, sys\n"
        "from assistant.models.versions import VersionFacts, preparing, register\n"
        "for _ in range(8):\n"
        "    with preparing() as draft:\n"
        "        shutil.copytree(sys.argv[1], draft, dirs_exist_ok=True)\n"
        "        print(register(draft, VersionFacts(base='pocket', method='lora')).ref)\n"
    )
    makers = [
        subprocess.Popen([sys.executable, "-c", code, str(taught_model)], stdout=subprocess.PIPE, text=True, cwd=root)
        for root in [Path(__file__).parents[3]] * 3
    ]
    names = [name for maker in makers for name in maker.communicate()[0].split()]
    assert sorted(names) == sorted(f"v{number}" for number in range(1, 25))
    assert all(read_facts(name).name == name for name in names)  # type: ignore[union-attr]


def test_the_pointer_moves_back_and_forth(taught_model: Path) -> None:
    make(taught_model), make(taught_model)
    promote("v1")
    promote("v2")
    promote("v2")  # nothing changes, nothing is remembered twice
    assert json.loads((models_dir() / "current.json").read_text())["previous"] == ["v1"]
    assert choose(load_settings())[0].ref == "v2"
    assert rollback() == "v1"
    assert promoted_ref() == "v1"
    # Before the first promotion the start-up choice answered.
    assert rollback() == "auto"
    assert promoted_ref() is None
    with pytest.raises(ModelMissing, match="no model was promoted"):
        rollback()


def test_a_full_disk_leaves_the_pointer_as_it_was(taught_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        make(taught_model)
    promote("v1")
    promote("v2")
    before = (models_dir() / "current.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        found = [answer(capsys, "use", "v3"), answer(capsys, "rollback")]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for code, _, err in found:
        assert (code, "make room and try again" in err) == (1, True)
    assert (models_dir() / "current.json").read_bytes() == before
    assert promoted_ref() == "v2"
    assert not list(models_dir().glob(".current.json.*"))


def test_a_rollback_passes_over_what_is_gone_or_damaged(taught_model: Path) -> None:
    for ref in [make(taught_model).ref for _ in range(4)]:
        promote(ref)
    remove("v3")
    (models_dir() / "v2" / "model.safetensors").unlink()
    assert rollback() == "v1"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "ctranslate/model.bin"])
def test_a_damaged_version_is_not_promoted_and_the_one_before_stays(taught_model: Path, name: str) -> None:
    with preparing() as draft:
        shutil.copytree(taught_model, draft, dirs_exist_ok=True)
        (draft / "ctranslate").mkdir()
        (draft / "ctranslate" / "model.bin").write_bytes(b"weights")
        register(draft, VersionFacts(base="pocket", method="lora"))
    promote("pocket")
    check_whole(resolve("v1", load_settings()))
    with (models_dir() / "v1" / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ModelDamaged):
        promote("v1")
    assert promoted_ref() == "pocket"


def test_a_broken_pointer_is_written_anew(taught_model: Path) -> None:
    make(taught_model)
    (models_dir() / "current.json").write_text("{")
    promote("v1")
    assert promoted_ref() == "v1"


def test_what_answers_and_what_others_came_of_stays(taught_model: Path) -> None:
    make(taught_model, adapter=True)
    make(taught_model, parent="v1")
    promote("v2")
    with pytest.raises(UsageError, match="v2 is in use"):
        remove("v2")
    with pytest.raises(UsageError, match="v2 came from v1"):
        remove("v1")
    for foreign in ("pocket", str(taught_model)):
        with pytest.raises(UsageError):
            remove(foreign, force=True)
    with pytest.raises(ModelMissing):
        remove("v9")
    with pytest.raises(AssistantError):
        remove("../models/v1", force=True)
    assert {model.ref for model in list_models()} == {"pocket", "v1", "v2"}
    remove("v1", force=True)
    assert {model.ref for model in list_models()} == {"pocket", "v2"}


def test_an_adapter_goes_on_its_own_base_only(taught_model: Path, bundled: Path) -> None:
    from assistant.models.folder import fingerprint

    with preparing() as draft:
        shutil.copytree(taught_model, draft, dirs_exist_ok=True)
        (draft / "adapter").mkdir()
        facts = VersionFacts(base="pocket", method="lora", adapter=True, base_hash=fingerprint(bundled))
        version = register(draft, facts)
    base, adapter = policy_of(version, load_settings())
    assert (base.ref, adapter) == ("pocket", models_dir() / "v1" / "adapter")
    assert policy_of(base, load_settings()) == (base, None)
    weights = bundled / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")  # as long as before, and other weights
    with pytest.raises(ModelDamaged, match="not the model that v1 was made of"):
        policy_of(version, load_settings())


def test_an_export_is_whole_or_not_there(taught_model: Path, tmp_path: Path) -> None:
    version = make(taught_model)
    place = export(version, tmp_path / "out" / "model", "merged")
    assert {path.name for path in place.iterdir()} >= {"config.json", "tokenizer.json", "model.safetensors"}
    assert (place / "model.safetensors").read_bytes() == (taught_model / "model.safetensors").read_bytes()
    assert not (place / "version.json").exists()
    for form, complaint in (("merged", "exists"), ("adapter", "no adapter"), ("ctranslate", "no conversion")):
        with pytest.raises(UsageError, match=complaint):
            export(version, place if form == "merged" else tmp_path / "other", form)  # type: ignore[arg-type]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model"]
    assert not (tmp_path / "other").exists()


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        main(["models", *words])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_line_chooses_shows_and_goes_back(taught_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(taught_model, parent="", run="sft-7", figures={"rouge1": 41.0})
    assert answer(capsys, "use", "v1", "--json")[:2] == (0, '{"model": "v1"}\n')
    rows = {row["ref"]: row for row in json.loads(answer(capsys, "list", "--json")[1])}
    assert (rows["v1"]["serving"], rows["pocket"]["serving"]) == (True, False)
    assert (rows["v1"]["method"], rows["v1"]["run"], rows["v1"]["figures"]) == ("lora", "sft-7", {"rouge1": 41.0})
    assert "* v1" in answer(capsys, "list")[1]
    assert "figures.rouge1" in answer(capsys, "show", "v1")[1]
    code, out, _ = answer(capsys, "rollback", "--json")
    assert (code, json.loads(out)) == (0, {"model": "pocket", "promoted": None})
    code, out, err = answer(capsys, "use", "v9")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert answer(capsys, "remove", "v1", "--json")[0] == 0
    assert answer(capsys, "remove", "pocket")[0] == 2


def test_a_registration_that_is_killed_leaves_no_version(taught_model: Path) -> None:
    code = (
        "import os, shutil, sys\n"
        "from assistant.models import versions\n"
        "versions.sync_dir = lambda folder: os._exit(9)\n"
        "with versions.preparing() as draft:\n"
        "    shutil.copytree(sys.argv[1], draft, dirs_exist_ok=True)\n"
        "    versions.register(draft, versions.VersionFacts(base='pocket', method='lora'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(taught_model)], cwd=Path(__file__).parents[3], env=dict(os.environ)
    )
    assert done.returncode == 9
    assert [model.ref for model in list_models()] == ["pocket"]
    assert make(taught_model).ref == "v1"
