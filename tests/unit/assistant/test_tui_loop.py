"""Where the loop stands, on one line, and what of it still fits."""

import json
from pathlib import Path

import pytest

from assistant.feedback.store import Store
from assistant.tui.wording.loop import LoopState, describe_loop, read_loop
from tests.builders import a_completion

WHOLE = LoopState(ratings=42, pairs=118, reward="0.68", version="v7", gate="54.9 % [51, 59]")


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (80, "42 ratings → 118 pairs → reward 0.68 → v7 (54.9 % [51, 59])"),
        (59, "42 ratings → 118 pairs → reward 0.68 → v7 (54.9 % [51, 59])"),
        (58, "42 ratings → 118 pairs → 0.68 → v7"),
        (20, "42 → 118 → v7"),
        (10, "42 → 118"),
        (3, ""),
    ],
)
def test_the_line_gets_shorter_where_there_is_less_room(room: int, line: str) -> None:
    assert describe_loop(WHOLE, room) == line


def test_nothing_is_said_before_the_first_rating_and_one_is_one() -> None:
    assert describe_loop(LoopState(), 80) == ""
    assert describe_loop(LoopState(ratings=1, pairs=0), 80) == "1 rating → 0 pairs"


def test_ratings_and_pairs_are_counted_and_the_promoted_version_brings_its_proof(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("one"), a_completion("two", answer="Ann eats.")])
        store.judgements.rate("one", "up", rater="ana")
        store.judgements.rate("two", "down", rater="ana")
        assert read_loop(store) == LoopState(ratings=2, pairs=1)
        models = home / "data" / "models"
        models.mkdir(parents=True)
        (models / "current.json").write_text('{"ref": "v7"}')
        assert read_loop(store).version == "v7", "a version whose files are gone is still named"
        win = {"name": "win rate", "value": 0.549, "ci": [0.512, 0.591]}
        document = {"reward": {"accuracy": 0.684}, "gate": {"checks": [win]}}
        monkeypatch.setattr("assistant.models.registry.resolve", lambda ref, settings: None)
        monkeypatch.setattr("assistant.models.proof.read_promotion", lambda model: json.loads(json.dumps(document)))
        found = read_loop(store)
    assert (found.reward, found.gate) == ("0.68", "54.9 % [51, 59]")
