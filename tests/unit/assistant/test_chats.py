"""Chats: what was said stays in order, is found again, and goes when it is told to."""

import pytest

from assistant.errors import DataMissing, UsageError
from assistant.feedback import Store
from assistant.locations import store_file
from tests.builders import a_completion


def test_a_chat_keeps_its_messages_in_order_with_the_answers_they_show() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("d1"), a_completion("d2")])
        chat = store.chats.new("Lunch", {"mode": "few-shot", "generation": {"drafts": 2}})
        asked = store.chats.add_message(chat.id, "conversation", "Ann: Lunch?")
        shown = store.chats.add_message(chat.id, "answer", "They eat.", ["d2", "d1"])
    with Store.open() as store:
        assert store.chats.messages(chat.id) == [asked, shown]
        assert shown.completions == ("d2", "d1")
        found = store.chats.get(chat.id[:6])
        assert (found.title, found.messages) == ("Lunch", 2)
        assert found.settings == {"mode": "few-shot", "generation": {"drafts": 2}}
        assert found.updated == shown.created


def test_messages_page_backwards_from_the_end() -> None:
    with Store.open() as store:
        chat = store.chats.new().id
        said = [store.chats.add_message(chat, "user", str(i)) for i in range(5)]
        assert [m.text for m in store.chats.messages(chat, limit=2)] == ["3", "4"]
        assert [m.text for m in store.chats.messages(chat, limit=2, before=said[3].id)] == ["1", "2"]


def test_a_streamed_answer_grows_in_its_message() -> None:
    with Store.open() as store:
        chat = store.chats.new().id
        message = store.chats.add_message(chat, "answer", "")
        store.completions.add([a_completion("c1", finished="cancelled")])
        store.chats.change_message(message.id, "Ann", ["c1"])
        store.chats.change_message(message.id, "Ann and Bob")
        assert [(m.text, m.completions) for m in store.chats.messages(chat)] == [("Ann and Bob", ("c1",))]
        assert [c.id for c in store.chats.newest("bob")] == [chat]


def test_the_chat_used_last_is_listed_first() -> None:
    with Store.open() as store:
        first, second = store.chats.new("first"), store.chats.new("second")
        assert [c.title for c in store.chats.newest()] == ["second", "first"]
        store.chats.add_message(first.id, "user", "again")
        assert [c.title for c in store.chats.newest(limit=1)] == ["first"]
        assert second.messages == 0


@pytest.mark.parametrize(
    "search",
    [
        "kickoff",
        "KICK",
        "zoe",
        "Zoë budget",
        "budget zo",
        '"budget',
        "budget*",
        "(budget",
        "NEAR budget"[5:],
        "budget !!!",
    ],
)
def test_words_of_messages_and_titles_are_found_whatever_stands_around_them(search: str) -> None:
    with Store.open() as store:
        chat = store.chats.new("Kickoff")
        store.chats.add_message(chat.id, "user", "Zoë asked about the budget")
        store.chats.new("Other")
        assert [c.title for c in store.chats.newest(search)] == ["Kickoff"]


@pytest.mark.parametrize(
    "search", ["budget AND nothing", "budget OR x", "-", '""', "title:kickoff", "bud get", "%", "\0", "*", "^budgets"]
)
def test_operators_in_a_search_are_words_like_others(search: str) -> None:
    with Store.open() as store:
        chat = store.chats.new("Kickoff")
        store.chats.add_message(chat.id, "user", "the budget")
        assert store.chats.newest(search) == []


def test_a_new_title_is_found_and_the_former_is_not() -> None:
    with Store.open() as store:
        chat = store.chats.new("Kickoff")
        store.chats.rename(chat.id, "Review")
        store.chats.set_settings(chat.id, {"mode": "one-shot"})
        assert store.chats.newest("kickoff") == []
        assert store.chats.newest("review")[0].settings == {"mode": "one-shot"}


def test_a_fork_takes_the_messages_upto_one_and_leaves_the_original_alone() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1")])
        chat = store.chats.new("Lunch", {"mode": "few-shot"})
        store.chats.add_message(chat.id, "user", "a")
        middle = store.chats.add_message(chat.id, "answer", "b", ["c1"])
        store.chats.add_message(chat.id, "user", "c")
        fork = store.chats.fork(chat.id, after=middle.id)
        store.chats.add_message(fork.id, "user", "d")
        assert [m.text for m in store.chats.messages(chat.id)] == ["a", "b", "c"]
        assert [(m.text, m.completions) for m in store.chats.messages(fork.id)] == [
            ("a", ()),
            ("b", ("c1",)),
            ("d", ()),
        ]
        assert (fork.messages, fork.forked_from, fork.settings) == (2, middle.id, {"mode": "few-shot"})
        assert store.chats.fork(chat.id).messages == 0
        with pytest.raises(UsageError, match="not in that chat"):
            store.chats.fork(fork.id, after=middle.id)


def test_what_was_typed_and_not_sent_survives() -> None:
    with Store.open() as store:
        store.chats.keep_unfinished("", "composer", "half a sen")
        store.chats.keep_unfinished("chat", "ranking", "[1]")
    with Store.open() as store:
        assert store.chats.unfinished("", "composer") == "half a sen"
        assert store.chats.unfinished("", "ranking") == ""
        store.chats.keep_unfinished("", "composer", "")
        assert store.chats.unfinished("", "composer") == ""
        assert store.chats.unfinished("chat", "ranking") == "[1]"


def test_a_chat_or_answer_that_is_not_there_is_named() -> None:
    with Store.open() as store:
        with pytest.raises(DataMissing, match="no chat 'x'"):
            store.chats.add_message("x", "user", "hello")
        with pytest.raises(DataMissing, match="no chat 'x'"):
            store.chats.rename("x", "y")
        with pytest.raises(DataMissing, match="no message 'x'"):
            store.chats.change_message("x", "y")
        chat = store.chats.new().id
        with pytest.raises(DataMissing, match="not in the store"):
            store.chats.add_message(chat, "answer", "text", ["missing"])
        assert store.chats.messages(chat) == []


def test_a_deleted_chat_leaves_no_word_in_any_file_and_names_the_versions_it_trained() -> None:
    secret = "xylophone"
    with Store.open() as store:
        store.completions.add(
            [
                a_completion("d1", prompt=f"{secret} prompt", answer=f"{secret} one", rationale=secret),
                a_completion("d2", prompt=f"{secret} prompt", draft_of="d1", draft_index=1),
                a_completion("p1", prompt=f"{secret} part", part_of="d2"),
                a_completion("other"),
            ]
        )
        chat = store.chats.new(f"{secret} title")
        store.chats.add_message(chat.id, "conversation", f"Ann: {secret}?")
        store.chats.add_message(chat.id, "answer", f"{secret} one", ["d1"])
        store.chats.keep_unfinished(chat.id, "composer", f"{secret} typed")
        store.chats.keep_unfinished("d1", "ranking", f"{secret} ranked")
        rating = store.judgements.rate("d1", "down", rater="me", comment=f"{secret} is wrong")
        edited = store.judgements.rate("d1", "up", rater="me", comment=f"{secret} is right")
        ranking = store.judgements.rank([["d1"], ["d2"]], rater="me", comment=secret)
        kept = store.judgements.rate("other", "up", rater="me")
        store.judgements.link_version("v1", [rating.id])
        store.judgements.link_version("v2", [ranking.id])
        store.judgements.link_version("v3", [kept.id])

        gone = store.deletions.delete_chat(chat.id)

        assert (gone.chats, gone.messages, gone.completions, gone.ratings, gone.rankings) == (1, 2, 3, 2, 1)
        assert gone.model_versions == ("v1", "v2")
        assert store.judgements.ratings(history=True) == [kept]
        assert store.judgements.rankings(history=True) == []
        assert store.chats.newest(secret) == []
        assert store.judgements.sources_of("v1") == [rating.id]
        assert {stone.id: stone.noun for stone in store.judgements.tombstones()} == {
            chat.id: "chat",
            "d1": "completion",
            "d2": "completion",
            "p1": "completion",
            rating.id: "rating",
            edited.id: "rating",
            ranking.id: "ranking",
        }
        for file in store_file().parent.iterdir():
            assert secret.encode() not in file.read_bytes(), file.name


def test_deleting_a_chat_keeps_the_answers_that_its_fork_shows() -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1"), a_completion("c2")])
        chat = store.chats.new("Lunch")
        shared = store.chats.add_message(chat.id, "answer", "one", ["c1"])
        store.chats.add_message(chat.id, "answer", "two", ["c2"])
        fork = store.chats.fork(chat.id, after=shared.id)
        rating = store.judgements.rate("c1", "up", rater="me")
        gone = store.deletions.delete_chat(chat.id)
        assert (gone.completions, gone.kept) == (1, 1)
        assert store.chats.messages(fork.id)[0].completions == ("c1",)
        assert store.judgements.ratings() == [rating]
        assert store.deletions.delete_chat(fork.id).completions == 1


def test_a_deleted_answer_empties_the_message_that_showed_it_and_spares_its_siblings() -> None:
    with Store.open() as store:
        store.completions.add(
            [a_completion("d1"), a_completion("d2", draft_of="d1"), a_completion("d3", draft_of="d1")]
        )
        chat = store.chats.new()
        store.chats.add_message(chat.id, "answer", "two", ["d2"])
        ranking = store.judgements.rank([["d1"], ["d2"]], rater="me")
        other = store.judgements.rank([["d1"], ["d3"]], rater="me")
        gone = store.deletions.delete_completion("d2")
        assert (gone.completions, gone.rankings) == (1, 1)
        assert [(m.text, m.completions) for m in store.chats.messages(chat.id)] == [("", ())]
        assert {c.id for c in store.completions.newest()} == {"d1", "d3"}
        assert store.judgements.rankings() == [other]
        assert ranking.id in {stone.id for stone in store.judgements.tombstones()}
        assert store.deletions.delete_completion("d1").completions == 1
        assert [c.id for c in store.completions.newest()] == ["d3"]


def test_hits_are_titles_first_then_messages_by_rank_with_the_words_apart() -> None:
    with Store.open() as store:
        named, other = store.chats.new("Boiler"), store.chats.new("Taps")
        once = store.chats.add_message(other.id, "user", f"One boiler {'among many other things ' * 20}here.")
        twice = store.chats.add_message(other.id, "user", "Boiler, boiler!")
        hits = store.chats.find("boil")
        assert [(hit.chat, hit.message, hit.kind) for hit in hits] == [
            (named.id, "", "title"),
            (other.id, twice.id, "user"),
            (other.id, once.id, "user"),
        ]
        assert hits[1].excerpt == (("Boiler", True), (", ", False), ("boiler", True), ("!", False))
        assert hits[1].word == "Boiler"
        assert [hit.message for hit in store.chats.find("boiler things")] == [once.id], "all words have to be there"
        assert store.chats.find("  ") == []
        store.deletions.delete_chat(other.id)
        assert [hit.kind for hit in store.chats.find("boil")] == ["title"]


def test_signs_that_mark_words_are_plain_text_in_a_message() -> None:
    with Store.open() as store:
        chat = store.chats.new()
        store.chats.add_message(chat.id, "user", "a \x02 b \x03 c boiler d")
        (hit,) = store.chats.find("boiler")
        assert ("boiler", True) in hit.excerpt
        assert "".join(text for text, _ in hit.excerpt).replace("  ", " ") == "a b c boiler d"
