"""Chats: what was said stays in order, is found again, and goes when it is told to."""

import pytest

from assistant.errors import DataMissing, UsageError
from assistant.feedback import Store
from assistant.locations import store_file
from tests.builders import a_completion


def test_a_chat_keeps_its_messages_in_order_with_the_answers_they_show() -> None:
    with Store.open() as store:
        store.add_completions([a_completion("d1"), a_completion("d2")])
        chat = store.new_chat("Lunch", {"mode": "few-shot", "generation": {"drafts": 2}})
        asked = store.add_message(chat.id, "conversation", "Ann: Lunch?")
        shown = store.add_message(chat.id, "answer", "They eat.", ["d2", "d1"])
    with Store.open() as store:
        assert store.messages(chat.id) == [asked, shown]
        assert shown.completions == ("d2", "d1")
        found = store.chat(chat.id[:6])
        assert (found.title, found.messages) == ("Lunch", 2)
        assert found.settings == {"mode": "few-shot", "generation": {"drafts": 2}}
        assert found.updated == shown.created


def test_messages_page_backwards_from_the_end() -> None:
    with Store.open() as store:
        chat = store.new_chat().id
        said = [store.add_message(chat, "user", str(i)) for i in range(5)]
        assert [m.text for m in store.messages(chat, limit=2)] == ["3", "4"]
        assert [m.text for m in store.messages(chat, limit=2, before=said[3].id)] == ["1", "2"]


def test_a_streamed_answer_grows_in_its_message() -> None:
    with Store.open() as store:
        chat = store.new_chat().id
        message = store.add_message(chat, "answer", "")
        store.add_completions([a_completion("c1", finished="cancelled")])
        store.change_message(message.id, "Ann", ["c1"])
        store.change_message(message.id, "Ann and Bob")
        assert [(m.text, m.completions) for m in store.messages(chat)] == [("Ann and Bob", ("c1",))]
        assert [c.id for c in store.chats("bob")] == [chat]


def test_the_chat_used_last_is_listed_first() -> None:
    with Store.open() as store:
        first, second = store.new_chat("first"), store.new_chat("second")
        assert [c.title for c in store.chats()] == ["second", "first"]
        store.add_message(first.id, "user", "again")
        assert [c.title for c in store.chats(limit=1)] == ["first"]
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
        chat = store.new_chat("Kickoff")
        store.add_message(chat.id, "user", "Zoë asked about the budget")
        store.new_chat("Other")
        assert [c.title for c in store.chats(search)] == ["Kickoff"]


@pytest.mark.parametrize(
    "search", ["budget AND nothing", "budget OR x", "-", '""', "title:kickoff", "bud get", "%", "\0", "*", "^budgets"]
)
def test_operators_in_a_search_are_words_like_others(search: str) -> None:
    with Store.open() as store:
        chat = store.new_chat("Kickoff")
        store.add_message(chat.id, "user", "the budget")
        assert store.chats(search) == []


def test_a_new_title_is_found_and_the_former_is_not() -> None:
    with Store.open() as store:
        chat = store.new_chat("Kickoff")
        store.rename_chat(chat.id, "Review")
        store.set_chat_settings(chat.id, {"mode": "one-shot"})
        assert store.chats("kickoff") == []
        assert store.chats("review")[0].settings == {"mode": "one-shot"}


def test_a_fork_takes_the_messages_upto_one_and_leaves_the_original_alone() -> None:
    with Store.open() as store:
        store.add_completions([a_completion("c1")])
        chat = store.new_chat("Lunch", {"mode": "few-shot"})
        store.add_message(chat.id, "user", "a")
        middle = store.add_message(chat.id, "answer", "b", ["c1"])
        store.add_message(chat.id, "user", "c")
        fork = store.fork_chat(chat.id, after=middle.id)
        store.add_message(fork.id, "user", "d")
        assert [m.text for m in store.messages(chat.id)] == ["a", "b", "c"]
        assert [(m.text, m.completions) for m in store.messages(fork.id)] == [("a", ()), ("b", ("c1",)), ("d", ())]
        assert (fork.messages, fork.forked_from, fork.settings) == (2, middle.id, {"mode": "few-shot"})
        assert store.fork_chat(chat.id).messages == 0
        with pytest.raises(UsageError, match="not in that chat"):
            store.fork_chat(fork.id, after=middle.id)


def test_what_was_typed_and_not_sent_survives() -> None:
    with Store.open() as store:
        store.keep_unfinished("", "composer", "half a sen")
        store.keep_unfinished("chat", "ranking", "[1]")
    with Store.open() as store:
        assert store.unfinished("", "composer") == "half a sen"
        assert store.unfinished("", "ranking") == ""
        store.keep_unfinished("", "composer", "")
        assert store.unfinished("", "composer") == ""
        assert store.unfinished("chat", "ranking") == "[1]"


def test_a_chat_or_answer_that_is_not_there_is_named() -> None:
    with Store.open() as store:
        with pytest.raises(DataMissing, match="no chat 'x'"):
            store.add_message("x", "user", "hello")
        with pytest.raises(DataMissing, match="no chat 'x'"):
            store.rename_chat("x", "y")
        with pytest.raises(DataMissing, match="no message 'x'"):
            store.change_message("x", "y")
        chat = store.new_chat().id
        with pytest.raises(DataMissing, match="not in the store"):
            store.add_message(chat, "answer", "text", ["missing"])
        assert store.messages(chat) == []


def test_a_deleted_chat_leaves_no_word_in_any_file_and_names_the_versions_it_trained() -> None:
    secret = "xylophone"
    with Store.open() as store:
        store.add_completions(
            [
                a_completion("d1", prompt=f"{secret} prompt", answer=f"{secret} one", rationale=secret),
                a_completion("d2", prompt=f"{secret} prompt", draft_of="d1", draft_index=1),
                a_completion("p1", prompt=f"{secret} part", part_of="d2"),
                a_completion("other"),
            ]
        )
        chat = store.new_chat(f"{secret} title")
        store.add_message(chat.id, "conversation", f"Ann: {secret}?")
        store.add_message(chat.id, "answer", f"{secret} one", ["d1"])
        store.keep_unfinished(chat.id, "composer", f"{secret} typed")
        store.keep_unfinished("d1", "ranking", f"{secret} ranked")
        rating = store.rate("d1", "down", rater="me", comment=f"{secret} is wrong")
        edited = store.rate("d1", "up", rater="me", comment=f"{secret} is right")
        ranking = store.rank([["d1"], ["d2"]], rater="me", comment=secret)
        kept = store.rate("other", "up", rater="me")
        store.link_version("v1", [rating.id])
        store.link_version("v2", [ranking.id])
        store.link_version("v3", [kept.id])

        gone = store.delete_chat(chat.id)

        assert (gone.chats, gone.messages, gone.completions, gone.ratings, gone.rankings) == (1, 2, 3, 2, 1)
        assert gone.model_versions == ("v1", "v2")
        assert store.ratings(history=True) == [kept]
        assert store.rankings(history=True) == []
        assert store.chats(secret) == []
        assert store.sources_of("v1") == [rating.id]
        assert {stone.id: stone.noun for stone in store.tombstones()} == {
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
        store.add_completions([a_completion("c1"), a_completion("c2")])
        chat = store.new_chat("Lunch")
        shared = store.add_message(chat.id, "answer", "one", ["c1"])
        store.add_message(chat.id, "answer", "two", ["c2"])
        fork = store.fork_chat(chat.id, after=shared.id)
        rating = store.rate("c1", "up", rater="me")
        gone = store.delete_chat(chat.id)
        assert (gone.completions, gone.kept) == (1, 1)
        assert store.messages(fork.id)[0].completions == ("c1",)
        assert store.ratings() == [rating]
        assert store.delete_chat(fork.id).completions == 1


def test_a_deleted_answer_empties_the_message_that_showed_it_and_spares_its_siblings() -> None:
    with Store.open() as store:
        store.add_completions(
            [a_completion("d1"), a_completion("d2", draft_of="d1"), a_completion("d3", draft_of="d1")]
        )
        chat = store.new_chat()
        store.add_message(chat.id, "answer", "two", ["d2"])
        ranking = store.rank([["d1"], ["d2"]], rater="me")
        other = store.rank([["d1"], ["d3"]], rater="me")
        gone = store.delete_completion("d2")
        assert (gone.completions, gone.rankings) == (1, 1)
        assert [(m.text, m.completions) for m in store.messages(chat.id)] == [("", ())]
        assert {c.id for c in store.completions()} == {"d1", "d3"}
        assert store.rankings() == [other]
        assert ranking.id in {stone.id for stone in store.tombstones()}
        assert store.delete_completion("d1").completions == 1
        assert [c.id for c in store.completions()] == ["d3"]


def test_hits_are_titles_first_then_messages_by_rank_with_the_words_apart() -> None:
    with Store.open() as store:
        named, other = store.new_chat("Boiler"), store.new_chat("Taps")
        once = store.add_message(other.id, "user", f"One boiler {'among many other things ' * 20}here.")
        twice = store.add_message(other.id, "user", "Boiler, boiler!")
        hits = store.find("boil")
        assert [(hit.chat, hit.message, hit.kind) for hit in hits] == [
            (named.id, "", "title"),
            (other.id, twice.id, "user"),
            (other.id, once.id, "user"),
        ]
        assert hits[1].excerpt == (("Boiler", True), (", ", False), ("boiler", True), ("!", False))
        assert hits[1].word == "Boiler"
        assert [hit.message for hit in store.find("boiler things")] == [once.id], "all words have to be there"
        assert store.find("  ") == []
        store.delete_chat(other.id)
        assert [hit.kind for hit in store.find("boil")] == ["title"]


def test_signs_that_mark_words_are_plain_text_in_a_message() -> None:
    with Store.open() as store:
        chat = store.new_chat()
        store.add_message(chat.id, "user", "a \x02 b \x03 c boiler d")
        (hit,) = store.find("boiler")
        assert ("boiler", True) in hit.excerpt
        assert "".join(text for text, _ in hit.excerpt).replace("  ", " ") == "a b c boiler d"
