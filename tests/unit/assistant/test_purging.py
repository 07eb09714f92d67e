"""Purging: a document's text leaves prompts, answers, messages and titles, and nothing else does."""

from collections.abc import Iterator

import msgspec
import pytest

from assistant.feedback.store import Store
from assistant.records import Completion, GenerationSettings
from tests.unit.knowledge.samples import FACT, OTHER

PASSAGE = f"{FACT} {OTHER} Visitors sign in at the gate and wear a badge."
PROMPT = 'Answer.\n\n[1] "{}"\n[2] "Bread is baked at six."\n\nQuestion: When?\nAnswer: '
BASE = Completion(
    id="aa11",
    created="2026-11-21T10:00:00Z",
    prompt=PROMPT.format(PASSAGE),
    mode="zero-shot",
    task="question",
    prompt_version="1",
    model="quote",
    backend="ctranslate",
    backend_version="1",
    settings=GenerationSettings(),
    answer=FACT,
    passage_ids=("p1", "p2"),
)


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as opened:
        yield opened


def test_the_text_goes_from_prompt_and_answer_and_the_rest_stays(store: Store) -> None:
    store.completions.add([BASE])
    assert store.blank_passages({"p1": PASSAGE}) == 1
    kept = store.completions.get("aa11")
    assert kept.answer == "[removed]."
    assert kept.prompt == PROMPT.format("[removed].")
    assert kept.passage_ids == BASE.passage_ids
    assert b"harbour office" not in store.database.path.read_bytes()


def test_the_parts_of_a_digest_go_with_it(store: Store) -> None:
    store.completions.add([BASE, msgspec.structs.replace(BASE, id="dd44", prompt="", answer="Hours.")])
    store.completions.add_digests({"aa11": f'{{"points":["{FACT}"]}}', "dd44": "{}"})
    store.blank_passages({"p1": PASSAGE})
    assert store.completions.digest("aa11") == ""
    assert store.completions.digest("dd44") == "{}"
    assert b"harbour office" not in store.database.path.read_bytes()


def test_other_line_breaks_and_marks_hide_nothing(store: Store) -> None:
    summarized = msgspec.structs.replace(
        BASE, id="bb22", prompt=PASSAGE.replace(" ", "\n").replace(".", "!"), answer="Hours.", passage_ids=()
    )
    store.completions.add([summarized])
    assert store.blank_passages({"p1": PASSAGE}) == 1
    assert store.completions.get("bb22").prompt == "[removed]!"


def test_a_few_words_in_common_are_anybodys(store: Store) -> None:
    chat = msgspec.structs.replace(BASE, id="cc33", prompt=f"Ann: {FACT}", answer=FACT, passage_ids=())
    store.completions.add([chat])
    # Eight words, and twelve are asked for where the passage was not cited.
    assert store.blank_passages({"p1": PASSAGE}) == 0
    assert store.completions.get("cc33") == chat


def test_an_answer_of_two_words_goes_where_its_passage_was_cited(store: Store) -> None:
    store.completions.add([msgspec.structs.replace(BASE, answer="Half past seven")])
    store.blank_passages({"p1": PASSAGE})
    assert store.completions.get("aa11").answer == "[removed]"


def test_messages_and_titles_that_show_it_are_blanked_too(store: Store) -> None:
    store.completions.add([BASE])
    chat = store.chats.new(FACT)
    store.chats.add_message(chat.id, "answer", FACT, completions=("aa11",))
    store.blank_passages({"p1": PASSAGE})
    assert store.chats.get(chat.id).title == "[removed]."
    assert [message.text for message in store.chats.messages(chat.id)] == ["[removed]."]
    assert store.chats.newest("harbour") == []
