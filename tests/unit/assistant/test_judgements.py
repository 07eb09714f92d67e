"""Ratings and rankings: the last word counts, and every word before it is kept."""

from collections.abc import Iterator

import msgspec
import pytest

from assistant.errors import DataMissing, UsageError
from assistant.feedback import Store
from assistant.records import Ranking, Rating
from tests.builders import a_completion


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as store:
        store.completions.add([a_completion(f"d{i}") for i in range(1, 5)])
        yield store


def test_a_rating_comes_back_with_all_that_was_said(store: Store) -> None:
    rating = store.judgements.rate(
        "d1", "down", rater="ana", reasons=["wrong"], comment="no lunch", confidence=0.5, guideline="g1"
    )
    assert store.judgements.ratings() == [rating]
    assert store.judgements.get(rating.id[:8]) == rating
    assert (rating.reasons, rating.comment, rating.confidence, rating.guideline) == (("wrong",), "no lunch", 0.5, "g1")


def test_a_ranking_keeps_ties_failures_and_the_order_on_the_screen(store: Store) -> None:
    ranking = store.judgements.rank(
        [["d2"], [], ["d1", "d4"]], failed=["d3"], shown=["d4", "d3", "d2", "d1"], rater="ana"
    )
    assert store.judgements.rankings() == [ranking]
    assert ranking.groups == (("d2",), ("d1", "d4"))
    assert ranking.completions == ("d2", "d1", "d4", "d3")
    assert ranking.shown == ("d4", "d3", "d2", "d1")


def test_a_second_rating_supersedes_the_first_of_the_same_rater_alone(store: Store) -> None:
    first = store.judgements.rate("d1", "up", rater="ana")
    other = store.judgements.rate("d1", "up", rater="ben")
    second = store.judgements.rate("d1", "down", rater="ana")
    assert store.judgements.ratings() == [second, other]
    assert second.supersedes == first.id
    history = store.judgements.of_completion("d1")
    assert [(j.id, j.ended_by) for j in history] == [(first.id, "superseded"), (other.id, ""), (second.id, "")]
    assert history[0].ended >= second.created


def test_undoing_brings_back_what_was_superseded(store: Store) -> None:
    first = store.judgements.rate("d1", "up", rater="ana")
    second = store.judgements.rate("d1", "down", rater="ana")
    assert store.judgements.undo(second.id) == first
    assert store.judgements.ratings() == [first]
    assert store.judgements.undo(first.id) is None
    assert store.judgements.ratings() == []
    assert [j.ended_by for j in store.judgements.of_completion("d1")] == ["undone", "undone"]
    with pytest.raises(UsageError, match="undone already"):
        store.judgements.undo(second.id)


def test_a_ranking_again_supersedes_but_a_hidden_repeat_does_not(store: Store) -> None:
    first = store.judgements.rank([["d1"], ["d2"]], rater="ana")
    second = store.judgements.rank([["d2"], ["d1"]], rater="ana")
    other = store.judgements.rank([["d1"], ["d2"], ["d3"]], rater="ana")
    repeat = store.judgements.rank([["d1"], ["d2"]], rater="ana", repeat_of=second.id)
    assert store.judgements.rankings() == [repeat, other, second]
    assert second.supersedes == first.id


def test_an_older_judgement_from_elsewhere_does_not_supersede_a_newer_one(store: Store) -> None:
    current = store.judgements.rate("d1", "up", rater="ana")
    old = Rating(id="old", created="2020-01-01T00:00:00+00:00", rater="ana", completion="d1", thumb="down")
    assert store.judgements.judge(old).ended_by == "superseded"
    assert store.judgements.ratings() == [current]


def test_a_deleted_rating_takes_its_former_versions_along(store: Store) -> None:
    first = store.judgements.rate("d1", "up", rater="ana", comment="a")
    second = store.judgements.rate("d1", "down", rater="ana", comment="b")
    store.judgements.link_version("v1", [first.id])
    gone = store.deletions.delete_judgement(second.id)
    assert (gone.ratings, gone.completions, gone.model_versions) == (2, 0, ("v1",))
    assert store.judgements.of_completion("d1") == []
    assert {stone.id: stone.noun for stone in store.judgements.tombstones()} == {
        first.id: "rating",
        second.id: "rating",
    }
    with pytest.raises(DataMissing):
        store.judgements.get(first.id)


@pytest.mark.parametrize(
    ("groups", "failed", "message"),
    [([["d1"]], [], "two answers"), ([["d1"], ["d1"]], [], "twice"), ([["d1"]], ["d1"], "twice")],
)
def test_a_ranking_without_sense_is_refused(
    store: Store, groups: list[list[str]], failed: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        store.judgements.rank(groups, failed=failed, rater="ana")


def test_what_is_not_in_the_store_cannot_be_judged(store: Store) -> None:
    with pytest.raises(DataMissing):
        store.judgements.rate("missing", "up", rater="ana")
    with pytest.raises(DataMissing):
        store.judgements.rank([["d1"], ["missing"]], rater="ana")
    with pytest.raises(UsageError, match="0 to 1"):
        store.judgements.rate("d1", "up", rater="ana", confidence=5)
    assert store.judgements.ratings(history=True) == []
    assert store.judgements.rankings(history=True) == []


def test_every_field_of_a_judgement_is_kept(store: Store) -> None:
    common = {
        "created": "2026-01-01T00:00:00+00:00",
        "rater": "ana",
        "reasons": ("r",),
        "comment": "c",
        "confidence": 0.25,
        "guideline": "g",
        "weight": 0.5,
        "origin": ("o",),
        "supersedes": "s",
        "ended": "2026-01-02T00:00:00+00:00",
        "ended_by": "undone",
    }
    rating = Rating(id="a", completion="d1", thumb="down", **common)
    ranking = Ranking(id="b", groups=(("d1",), ("d2",)), failed=("d3",), shown=("d1",), repeat_of="x", **common)
    for record in (rating, ranking):
        for field in msgspec.structs.fields(record):
            assert getattr(record, field.name) != field.default, field.name
        store.judgements.judge(record)
        assert store.judgements.get(record.id) == record


def test_a_rating_made_now_is_in_force_though_the_clock_was_ahead_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
        monkeypatch.setattr("assistant.feedback.judgements.now", lambda: "2040-01-01T00:00:00+00:00")
        store.judgements.rate("c1", "up", rater="ann")
        monkeypatch.setattr("assistant.feedback.judgements.now", lambda: "2026-01-01T00:00:00+00:00")
        store.judgements.rate("c1", "down", rater="ann")
        assert [rating.thumb for rating in store.judgements.ratings()] == ["down"]
