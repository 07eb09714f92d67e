"""`assistant models push`: a server on this machine takes what is sent, and nobody sends more than was shown."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import ModelMissing
from assistant.models.pull import pull
from assistant.models.versions import ADAPTER, VersionFacts, preparing, register
from tests.hub import TOKEN, USER, Hub, Repository, serving

_MINE = f"{USER}/summarizer"


@pytest.fixture
def hub(tiny_model: Path, localhost_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "huggingface" / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(tiny_model, monkeypatch) as server:
        yield server


@pytest.fixture
def login(hub: Hub, tmp_path: Path) -> None:
    """As `hf auth login` leaves it."""
    place = tmp_path / "huggingface" / "token"
    place.parent.mkdir(exist_ok=True)
    place.write_text(TOKEN)


@pytest.fixture
def version(tiny_model: Path, tmp_path: Path) -> str:
    """A version tuned twice: v2 of v1 of a folder of this machine."""
    base = shutil.copytree(tiny_model, tmp_path / "my-base")
    for number, (method, data) in enumerate([("lora", ("dialogsum_train.jsonl",)), ("rlhf", ("ratings",))]):
        with preparing() as draft:
            shutil.copytree(tiny_model, draft, dirs_exist_ok=True)
            (draft / ADAPTER).mkdir()
            (draft / ADAPTER / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
            (draft / ADAPTER / "adapter_model.safetensors").write_bytes(b"weights")
            (draft / "promotion.json").write_text('{"talk": "Maya: The review moves to Friday."}')
            (draft / "README.md").write_text(f"---\nlicense: apache-2.0\n---\n\n# {base}, tuned\n")
            parent = f"v{number}" if number else ""
            register(draft, VersionFacts(base=str(base), method=method, data=data, parent=parent))
    return "v2"


def push(*arguments: str, said: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assistant", "models", "push", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input=said, check=False, env=os.environ)
    assert done.returncode == code, done.stderr
    return done


def test_a_model_is_shown_then_sent_and_comes_back(hub: Hub, login: None, version: str, tmp_path: Path) -> None:
    done = push(version, "summarizer", "--data-licence", "DialogSum: CC BY-NC-SA 4.0", "--json", said="y\n")
    shown = done.stderr.splitlines()
    assert shown[0] == f"v2 goes to {_MINE} as {USER}, private:"
    told = json.loads(done.stdout)
    assert (told["repository"], told["private"], told["url"]) == (_MINE, True, f"{hub.address}/{_MINE}")

    sent = hub.repositories[_MINE]
    assert sent.is_private
    assert hub.commits == ["Upload a model made with Parley"]
    assert {name: len(body) for name, body in sent.files.items()} == told["files"]
    assert [line.split()[0] for line in shown[1 : 1 + len(sent.files)]] == sorted(sent.files)
    assert sent.files["model.safetensors"] == hub.files["model.safetensors"]
    card = sent.files["README.md"].decode()
    assert card.startswith("---\n")
    assert "license: apache-2.0\n" in card
    assert "library_name: transformers\n" in card
    for line in ("rlhf: ratings", "lora: dialogsum_train.jsonl", "licence: DialogSum: CC BY-NC-SA 4.0"):
        assert f"- {line}\n" in card
    assert "# my-base, tuned" in card
    small = b"".join(body for name, body in sent.files.items() if name.endswith((".json", ".md")))
    assert str(tmp_path).encode() not in small, "names of folders stay here"
    assert b"Maya" not in small, "conversations stay here"

    assert (pull(_MINE) / "model.safetensors").read_bytes() == hub.files["model.safetensors"]


def test_a_private_model_is_there_for_nobody_else(hub: Hub) -> None:
    hub.repositories[_MINE] = Repository(hub.files, is_private=True)
    with pytest.raises(ModelMissing, match="that you may see"):
        pull(_MINE)


def test_an_adapter_names_its_base_without_the_folder(hub: Hub, login: None, version: str) -> None:
    push(version, _MINE, "--form", "adapter", "--yes", "--licence", "cc-by-nc-sa-4.0")
    files = hub.repositories[_MINE].files
    assert set(files) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert json.loads(files["adapter_config.json"]) == {"base_model_name_or_path": "my-base"}
    card = files["README.md"].decode()
    assert {"license: cc-by-nc-sa-4.0", "library_name: peft", "# my-base, tuned"} <= set(card.splitlines())
    assert "apache-2.0" not in card


def test_the_card_names_a_base_of_the_hub(hub: Hub, login: None, tiny_model: Path) -> None:
    with preparing() as draft:
        shutil.copytree(tiny_model, draft, dirs_exist_ok=True)
        version = register(draft, VersionFacts(base="google/flan-t5-base", method="lora")).ref
    push(version, _MINE, "--yes")
    card = hub.repositories[_MINE].files["README.md"].decode()
    assert "base_model: google/flan-t5-base\n" in card
    assert "- lora: not noted\n" in card


def test_a_second_push_replaces_and_what_is_public_is_not_filled_by_mistake(
    hub: Hub, login: None, version: str
) -> None:
    push(version, _MINE, "--yes")
    push(version, _MINE, "--yes")
    assert len(hub.commits) == 2
    hub.repositories[_MINE].is_private = False
    refused = push(version, _MINE, "--yes", code=2)
    assert f"everybody can read {_MINE}: add --public, or name another repository" in refused.stderr
    assert len(hub.commits) == 2
    assert "PUBLIC" in push(version, _MINE, "--yes", "--public").stderr
    assert len(hub.commits) == 3


@pytest.mark.parametrize(("said", "code"), [("n\n", 130), ("\n", 130), ("", 2)])
def test_without_a_yes_nothing_is_sent(hub: Hub, login: None, version: str, said: str, code: int) -> None:
    assert "nothing was uploaded" in push(version, _MINE, said=said, code=code).stderr
    assert _MINE not in hub.repositories


def test_without_a_login_it_says_how(hub: Hub, version: str) -> None:
    refused = push(version, _MINE, "--yes", code=2)
    assert refused.stderr == "assistant: you are not logged in to the Hub: run `hf auth login`, then push again\n"


def test_with_a_token_that_is_no_longer_known_it_says_how(
    hub: Hub, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert "doesn't know your token: run `hf auth login`" in push(version, _MINE, "--yes", code=2).stderr


def test_where_the_network_is_forbidden_nothing_is_asked(
    hub: Hub, login: None, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refused = push(version, _MINE, "--yes", code=3)
    assert "HF_HUB_OFFLINE is set, so nothing is uploaded: unset it and push again\n" in refused.stderr


def test_a_name_that_is_none_is_refused(hub: Hub, login: None, version: str) -> None:
    assert "is not a Hub id" in push(version, "a/b/c", "--yes", code=2).stderr
