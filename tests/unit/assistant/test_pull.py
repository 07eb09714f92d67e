"""Pulling a model, from a server on this machine that speaks the part of the Hub's protocol that is needed."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import AssistantError, Interrupted, ModelDamaged, ModelMissing, UsageError
from assistant.locations import models_dir
from assistant.models.downloads import Download
from assistant.models.pull import look_up, pull
from assistant.models.registry import resolve
from assistant.settings import Settings
from tests.hub import Hub, serving


@pytest.fixture
def hub(taught_model: Path, localhost_network: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(taught_model, monkeypatch) as server:
        yield server


def test_a_pulled_model_is_whole_private_and_found_by_its_id(hub: Hub) -> None:
    folder = pull("org/tiny")

    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert not (folder / "pytorch_model.bin").exists(), "pickled weights are never fetched"
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    assert resolve("org/tiny", Settings()).folder == str(folder)


def test_a_pull_that_broke_off_serves_nothing_and_goes_on_where_it_was(hub: Hub) -> None:
    hub.cut = len(hub.files["model.safetensors"]) // 2
    hub.breaks = True
    with pytest.raises(ModelMissing, match="again"):
        pull("org/tiny")
    with pytest.raises(ModelMissing):
        resolve("org/tiny", Settings())

    hub.cut, hub.breaks = None, False
    hub.ranges.clear()
    folder = pull("org/tiny")

    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert hub.ranges, "the second pull asked for the rest, not for all of it again"


def test_it_says_how_much_is_here_and_is_stopped_by_who_hears_it(hub: Hub) -> None:
    heard: list[tuple[int, int]] = []

    def stop_half_way(done: int, total: int) -> None:
        heard.append((done, total))
        if done > total / 2:
            raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        pull("org/tiny", on_bytes=stop_half_way)
    whole = sum(len(body) for name, body in hub.files.items() if name != "pytorch_model.bin")
    assert {total for _, total in heard} == {whole}
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)

    stopped_at, again = heard[-1][0], []
    folder = pull("org/tiny", on_bytes=lambda done, total: again.append(done))
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert again[-1] == whole
    assert stopped_at in again, "it went on where it was"
    assert hub.ranges


def test_a_model_that_the_hub_does_not_have_is_missing(hub: Hub) -> None:
    with pytest.raises(ModelMissing, match="org/other"):
        pull("org/other")


def test_a_model_with_pickled_weights_alone_is_refused(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(ModelDamaged, match="safetensors"):
        pull("org/tiny")


def test_without_a_network_nothing_is_left_and_the_message_says_what_to_do(
    localhost_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine: nobody listens there.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ModelMissing, match="cannot reach the Hub"):
        pull("org/tiny")
    assert not models_dir().exists()


def test_where_the_network_is_forbidden_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # without the fixture that opens the fence: a socket would fail the test
    with pytest.raises(ModelMissing, match="HF_HUB_OFFLINE is set"):
        pull("org/tiny")


def test_size_and_licence_are_known_before_a_byte_is_fetched(hub: Hub) -> None:
    whole = sum(len(body) for name, body in hub.files.items() if name != "pytorch_model.bin")
    assert look_up("org/tiny") == Download(hub_id="org/tiny", size=whole, licence="apache-2.0")
    assert not models_dir().exists()

    heard: list[object] = []
    pull("org/tiny", on_found=heard.append, on_bytes=lambda done, total: heard.append(done))
    assert heard[0] == Download(hub_id="org/tiny", size=whole, licence="apache-2.0")


def test_a_model_for_which_there_is_no_room_is_not_begun(hub: Hub) -> None:
    hub.claims["model.safetensors"] = 10**18
    with pytest.raises(AssistantError, match=r"1,000,000,000\.0 GB are missing .* free some space and pull"):
        pull("org/tiny")
    assert not list((models_dir() / ".pulling" / "org--tiny").iterdir())


def test_a_disk_that_fills_up_is_said_to_be_full_and_the_pull_goes_on_later(hub: Hub) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(hub.files["model.safetensors"]) // 2, limits[1]))
    try:
        with pytest.raises(AssistantError, match=r"cannot write to .* check space") as full:
            pull("org/tiny")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(full.value, ModelMissing), "it is not the Hub that is out of reach"

    hub.ranges.clear()
    folder = pull("org/tiny")
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert hub.ranges


@pytest.mark.parametrize("name", ["no spaces/allowed here", "a/b/c", "../../etc"])
def test_what_is_no_hub_id_is_refused(name: str, localhost_network: None) -> None:
    with pytest.raises(UsageError, match="not a Hub id"):
        pull(name)
