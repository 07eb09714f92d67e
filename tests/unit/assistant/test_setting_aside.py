"""A chat that is deleted and may be brought back: hidden meanwhile, it comes back whole or goes for good."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.backup import create_backup, restore_backup
from assistant.errors import DataMissing
from assistant.feedback import Store
from assistant.feedback.judgements import now
from assistant.feedback.marks import Mark
from assistant.feedback.sharing.exchange import export, import_lines
from assistant.locations import store_file
from tests.builders import a_completion


@pytest.fixture
def store() -> Iterator[Store]:
    """Pinned "Lunch" of two ranked and rated drafts and a marked digest, and "Dentist" with one rated answer."""
    with Store.open() as store:
        drafts = [a_completion("d1", draft_of="d1", answer="They eat."), a_completion("d2", draft_of="d1")]
        store.completions.add([*drafts, a_completion("part", part_of="d1"), a_completion("digest", mode="digest")])
        store.completions.add_digests({"digest": "{}"})
        lunch = store.chats.new("Lunch", {"mode": "few-shot"}, id="lunch")
        store.chats.pin(lunch.id, True)
        store.chats.add_message(lunch.id, "conversation", "Ann: Lunch at noon?")
        store.chats.add_message(lunch.id, "answer", "They eat.", ["d2", "d1"])
        store.chats.add_message(lunch.id, "answer", "Lunch at noon?", ["digest"])
        store.judgements.rank([["d1"], ["d2"]], rater="me")
        store.judgements.rate("d1", "down", rater="me")
        store.judgements.rate("d1", "up", rater="me")
        store.judgements.judge(a_mark("digest"))
        store.chats.keep_unfinished(lunch.id, "writing", "half an ans")
        store.completions.add([a_completion("other", answer="On Friday.", prompt="Summarize: dentist")])
        dentist = store.chats.new("Dentist", id="dentist")
        store.chats.add_message(dentist.id, "answer", "On Friday.", ["other"])
        store.judgements.rate("other", "up", rater="me")
        yield store


def a_mark(completion: str) -> Mark:
    return Mark(
        id="mark",
        created=now(),
        rater="me",
        completion=completion,
        part="point",
        number=0,
        says="keep",
        turn=0,
        text="Lunch at noon?",
    )


def everything(store: Store) -> dict[str, Any]:
    """All that a person or a program can get out of the store."""
    ids = ["d1", "d2", "part", "digest", "other"]
    return {
        "chats": store.chats.newest(),
        "last": store.chats.last(),
        "found chats": store.chats.newest("eat"),
        "found": [store.chats.find(word) for word in ("lunch", "eat", "noon", "friday")],
        "messages": store.chats.messages("lunch") + store.chats.messages("dentist"),
        "answers": store.completions.newest(),
        "named": store.completions.named(ids),
        "drafts": store.completions.drafts_of("d1"),
        "parts": store.completions.parts_of("d1"),
        "judged": store.judged(),
        "marks": store.judgements.marks(history=True),
        "judgements": [store.judgements.of_completion(id) for id in ids],
        "pairs": store.pairs(),
        "stats": store.stats(),
        "exported": [export(store, format).lines for format in ("trl", "unpaired", "raw")],
        "unfinished": store.chats.unfinished("lunch", "writing"),
        "tombstones": store.judgements.tombstones(),
    }


def test_while_a_chat_is_set_aside_nothing_shows_counts_or_exports_it(store: Store) -> None:
    gone = store.deletions.set_aside("lun")
    # Two drafts, a part and a digest; the thumb that was turned and the one in force; one ranking, one mark.
    assert (gone.messages, gone.completions, gone.ratings, gone.rankings, gone.marks) == (3, 4, 2, 1, 1)
    seen = everything(store)
    assert [chat.title for chat in seen["chats"]] == ["Dentist"]
    assert seen["last"] == seen["chats"][0]
    assert seen["found chats"] == []
    assert [[hit.chat for hit in hits] for hits in seen["found"]] == [[], [], [], ["dentist"]]
    assert [message.text for message in seen["messages"]] == ["On Friday."]
    assert [answer.id for answer in seen["answers"]] == list(seen["named"]) == ["other"]
    assert seen["drafts"] == seen["parts"] == seen["marks"] == []
    rankings, ratings, judged = seen["judged"]
    assert (rankings, [rating.completion for rating in ratings], [one.id for one in judged]) == (
        [],
        ["other"],
        ["other"],
    )
    assert seen["judgements"] == [[], [], [], [], ratings]
    assert seen["pairs"][0] == []
    assert (seen["stats"].up, seen["stats"].down, seen["stats"].rankings, seen["stats"].completions) == (1, 0, 0, 1)
    assert "They eat" not in "".join(line for lines in seen["exported"] for line in lines)
    assert seen["tombstones"] == [], "it is not deleted yet"
    for look in (store.chats.get, store.completions.get, store.judgements.get):
        with pytest.raises(DataMissing):
            look({store.chats.get: "lunch", store.completions.get: "d1"}.get(look, "mark"))


def test_what_is_set_aside_cannot_be_written_to_or_copied(store: Store) -> None:
    message = store.chats.messages("lunch")[0].id
    store.deletions.set_aside("lunch")
    for write in (
        lambda: store.chats.add_message("lunch", "user", "more"),
        lambda: store.chats.change_message(message, "other words"),
        lambda: store.chats.rename("lunch", "Supper"),
        lambda: store.chats.pin("lunch", False),
        lambda: store.chats.set_settings("lunch", {}),
        lambda: store.chats.fork("lunch"),
        lambda: store.deletions.set_aside("lunch"),
    ):
        with pytest.raises(DataMissing, match="there is no chat"):
            write()
    assert store.chats.has("lunch"), "its id is taken until it is gone"


def test_it_comes_back_whole(store: Store) -> None:
    before = everything(store)
    store.deletions.set_aside("lunch")
    assert store.deletions.bring_back("lunch") == before["chats"][0]
    assert everything(store) == before
    with pytest.raises(DataMissing, match="deleted for good"):
        store.deletions.bring_back("lunch")


def test_finishing_leaves_what_an_immediate_deletion_leaves(store: Store, tmp_path: Path) -> None:
    store.database.back_up(tmp_path / "twin.db")
    aside = store.deletions.set_aside("lunch")
    store.deletions.finish()
    with Store.open(tmp_path / "twin.db") as twin:
        assert twin.deletions.delete_chat("lunch") == aside
        after, expected = everything(store), everything(twin)
    for stones in (after, expected):
        stones["tombstones"] = [(stone.id, stone.noun) for stone in stones["tombstones"]]
        stones["exported"] = [line for line in stones["exported"][2] if "deleted" not in line]
    assert after == expected
    assert not any(b"noon?" in file.read_bytes() for file in store_file().parent.glob("store.db*"))
    store.deletions.finish()  # there is nothing left to do, and it says nothing


@pytest.mark.parametrize("then", ["another is set aside", "another is deleted", "an answer is deleted"])
def test_the_next_deletion_finishes_it(store: Store, then: str) -> None:
    store.deletions.set_aside("lunch")
    if then == "another is set aside":
        store.deletions.set_aside("dentist")
        store.deletions.bring_back("dentist")
    elif then == "another is deleted":
        store.deletions.delete_chat("dentist")
    else:
        store.deletions.delete_completion("other")
    assert "lunch" in {stone.id for stone in store.judgements.tombstones()}
    with pytest.raises(DataMissing, match="deleted for good"):
        store.deletions.bring_back("lunch")


def test_answers_that_a_fork_shows_stay_and_go_with_the_last_of_both(store: Store) -> None:
    fork = store.chats.fork("lunch", store.chats.messages("lunch")[1].id)
    assert store.deletions.set_aside("lunch").kept == 2
    assert [rating.completion for rating in store.judgements.ratings()] == ["other", "d1"]
    assert [message.completions for message in store.chats.messages(fork.id)] == [(), ("d2", "d1")]
    store.deletions.delete_chat(fork.id)
    assert [answer.id for answer in store.completions.newest()] == ["other"]
    assert [rating.completion for rating in store.judgements.ratings()] == ["other"]


def test_what_is_imported_meanwhile_finds_it_deleted(store: Store, tmp_path: Path) -> None:
    lines = tmp_path / "raw.jsonl"
    lines.write_text("\n".join(export(store, "raw").lines))
    store.deletions.set_aside("lunch")
    done = import_lines(store, lines)
    # Of Lunch the ranking, two thumbs and the mark; the thumb of Dentist is known.
    assert (done.deleted, done.known, done.completions) == (4, 1, 0)
    assert [rating.completion for rating in store.judgements.ratings()] == ["other"]


def test_a_document_s_text_leaves_what_is_set_aside_too(store: Store) -> None:
    secret = "the vault opens with the number four one seven nine two two eight and nothing else"
    store.completions.add([a_completion("cited", answer=f"It says {secret}.", passage_ids=("p1",))])
    store.chats.add_message("lunch", "answer", f"It says {secret}.", ["cited"])
    store.deletions.set_aside("lunch")
    assert store.blank_passages({"p1": secret}) == 1
    store.deletions.bring_back("lunch")
    assert store.chats.messages("lunch")[-1].text == "It says [removed]."


_SET_ASIDE = """
import sys
from assistant.feedback import Store
store = Store.open()
store.deletions.set_aside("lunch")
print("aside", flush=True)
sys.stdin.readline()
"""


def test_a_program_killed_before_it_finished_leaves_all_readable(store: Store) -> None:
    before = everything(store)
    project = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", _SET_ASIDE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=project
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "aside\n"
        os.kill(process.pid, signal.SIGKILL)
    assert [chat.title for chat in store.chats.newest()] == ["Dentist"], "other programs see the deletion at once"
    with Store.open() as later:
        later.deletions.bring_back("lunch")
        assert everything(later) == before
        later.deletions.set_aside("lunch")
        later.deletions.finish()
        assert [chat.title for chat in later.chats.newest()] == ["Dentist"]
        with later.database.reading() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_backup_holds_no_word_of_what_is_set_aside(store: Store, tmp_path: Path) -> None:
    store.deletions.set_aside("lunch")
    create_backup(tmp_path / "mine.zip")
    store.deletions.delete_chat("dentist")
    restore_backup(tmp_path / "mine.zip")
    assert [chat.title for chat in store.chats.newest()] == ["Dentist"]
    with pytest.raises(DataMissing, match="deleted for good"):
        store.deletions.bring_back("lunch")
    assert [answer.id for answer in store.completions.newest()] == ["other"]
