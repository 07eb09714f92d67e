"""The keys 1…k, =, f, u as values."""

import pytest

from assistant.tui.placing import Placing


def pressed(drafts: int, keys: str) -> Placing:
    placing = Placing(drafts=drafts)
    for key in keys:
        placing = (
            {"=": placing.tie, "f": placing.fail, "u": placing.undo}[key]()
            if key in "=fu"
            else placing.place(int(key) - 1)
        )
    return placing


@pytest.mark.parametrize(
    ("keys", "groups", "failed"),
    [
        ("3142", ((2,), (0,), (3,), (1,)), ()),
        ("31=2", ((2, 0), (1,)), ()),  # 1 joins 3 in the first place
        ("31=2=", ((2, 0, 1),), ()),
        ("312f", ((2,), (0,)), (1,)),
        ("1f", (), (0,)),
        ("31u", ((2,),), ()),
        ("31=u", ((2,), (0,)), ()),
        ("3f1uu", ((2,),), ()),  # u takes back the 1, then the f
        ("133", ((0,), (2,)), ()),  # a draft placed again stays once
        ("132 1".replace(" ", ""), ((2,), (1,), (0,)), ()),  # placed again, it goes to the end
        ("1f1", ((0,),), ()),  # a failed draft may be placed after all
        ("=", (), ()),
        ("1=", ((0,),), ()),  # there is nothing before the first to tie with
        ("9", (), ()),  # there is no ninth draft
        ("uuu", (), ()),
    ],
)
def test_keys_place_tie_fail_and_undo(keys: str, groups: tuple[tuple[int, ...], ...], failed: tuple[int, ...]) -> None:
    placing = pressed(4, keys)
    assert (placing.groups, placing.failed) == (groups, failed)


def test_a_single_draft_left_over_takes_the_last_place() -> None:
    whole = pressed(3, "21").completed()
    assert whole is not None
    assert whole.groups == ((1,), (0,), (2,))


def test_an_order_with_two_drafts_left_over_is_not_complete() -> None:
    assert pressed(3, "2").completed() is None


def test_all_drafts_may_fail() -> None:
    whole = pressed(2, "1f2f").completed()
    assert whole is not None
    assert (whole.groups, whole.failed) == ((), (0, 1))


def test_a_touched_draft_is_the_one_that_fails() -> None:
    assert Placing(drafts=3).touch(2).fail().failed == (2,)
