"""Line mode over the real engine and store: the same verbs as on the screen."""

import io
from pathlib import Path

import pytest

from assistant.cli.plain import read_order, talk
from assistant.errors import UsageError
from assistant.feedback.store import Store

SAID = """\
Maya: The review moves to Friday, is that fine for everybody?
Tom: Fine by me. I'll book the room.
.
"""


def test_an_order_is_read_with_ties_and_failures() -> None:
    assert read_order("2=4 1 fail 3", 4) == ([[1, 3], [0]], [2])
    assert read_order("1 2", 2) == ([[0], [1]], [])


@pytest.mark.parametrize("order", ["", "1", "1 1", "1 2 3", "a b", "1 fail"])
def test_an_order_that_does_not_name_each_draft_once_is_refused(order: str) -> None:
    with pytest.raises(UsageError):
        read_order(order, 2)


def test_a_conversation_is_answered_judged_and_explained_line_by_line(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSISTANT_MODEL_REF", str(tiny_model))
    monkeypatch.setenv("ASSISTANT_MODEL_THREADS", "1")
    monkeypatch.setenv("ASSISTANT_GENERATION_MAX_NEW_TOKENS", "12")
    renames = "/rename Maya=Ines, Tom=Raj\n/rename Zoe=Ann\n"
    ranks = "/rank 2 1\n/rank 2\n/bad too long\n"
    verbs = f"/good\n/drafts 2\n{SAID}{renames}{ranks}/evidence\n/prompt\n/stats\n/nonsense\n/quit\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(verbs))
    assert talk() == 0
    out = capsys.readouterr().out
    assert "Error: there is no answer yet" in out
    assert "Drafts: 2." in out
    assert "Ranked." in out
    assert "Error: nobody is called 'Zoe' in this conversation; there are Ines, Raj" in out
    assert "Error: there are 2 drafts to rank" in out
    assert "Rated down." in out
    assert "Ines: The review moves to Friday" in out, "the exact prompt"
    assert "rankings           1" in out
    assert "Error: no command /nonsense" in out
    with Store.open() as store:
        (ranking,), (rating,) = store.rankings(), store.ratings()
    assert [len(group) for group in ranking.groups] == [1, 1]
    assert (rating.thumb, rating.reasons) == ("down", ("too long",))
