"""Passages keep to the structure and to the budget, lose nothing, and say where they stand."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunking import MOST_CHARACTERS_A_TOKEN, chunk, sentence_spans, windows
from knowledge.documents import Document, Heading
from knowledge.loaders import load
from tests.unit.knowledge.embedders import WordEmbedder

_count = WordEmbedder().count_tokens


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def test_sentences_end_at_marks_but_not_at_abbreviations() -> None:
    text = 'Dr. Ng came at 9.30 a.m. and said "Go!" She left, e.g. by boat. Why? J. Smith knows.'
    assert _sentences(text) == [
        "Dr. Ng came at 9.30 a.m.",
        'and said "Go!"',
        "She left, e.g. by boat.",
        "Why?",
        "J. Smith knows.",
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Die Ferien beginnen am 12. Oktober. Der Hort ist offen.", "Die Ferien beginnen am 12. Oktober."),
        ("Zahlbar bis zum 3. Werktag. Danach wird gemahnt.", "Zahlbar bis zum 3. Werktag."),
        ("Mødet er den 4. juli i salen. Alle kommer.", "Mødet er den 4. juli i salen."),
        ("The cabin is number 12. Breakfast is at eight.", "The cabin is number 12."),
        ("Es sind noch 12. Der Rest ist weg.", "Es sind noch 12."),
    ],
)
def test_the_stop_after_a_number_that_counts_ends_no_sentence(text: str, first: str) -> None:
    start, end = sentence_spans(text)[0]
    assert text[start:end] == first


def test_a_wrapped_line_goes_on_and_a_list_does_not() -> None:
    wrapped = (
        "This sentence was wrapped by an editor at a column\nand goes on here.\n- first\n- second\n\nAna: hello\nBo: hi"
    )
    assert _sentences(wrapped) == [
        "This sentence was wrapped by an editor at a column\nand goes on here.",
        "- first",
        "- second",
        "Ana: hello",
        "Bo: hi",
    ]


@pytest.mark.parametrize(
    "stamp", ["02/01/2026, 18:33 - ", "1/2/26, 6:33 PM - ", "2026-01-02 18:33:01 ", "2026-01-02T18:33Z "]
)
def test_a_message_with_a_date_begins_a_sentence_after_a_long_one(stamp: str) -> None:
    said = [f"{stamp}Nora: who still needs to hire skis before we all leave", f"{stamp}Jamal: me, size 44"]
    assert _sentences("\n".join(said)) == said


def test_a_passage_without_a_letter_is_left_out() -> None:
    rule = "*" * 2_000 + "\n\n"
    passages = chunk(Document(text=f"{rule}The key is green.\n"), _count, 60)
    assert [passage.text[-17:] for passage in passages] == ["The key is green."]


def test_windows_are_three_sentences_two_apart_and_reach_the_end() -> None:
    # Sentences 0..5 at spans (0,1) (2,3) (4,5) (6,7) (8,9) (10,11): windows start at 0, 2 and, for the end, 3.
    spans = [(2 * place, 2 * place + 1) for place in range(6)]
    assert windows(spans) == [(0, 5), (4, 9), (6, 11)]
    assert windows(spans[:3]) == [(0, 5)]
    assert windows([]) == []


def test_a_heading_starts_a_passage_and_its_path_goes_with_it() -> None:
    body = "One two three four five six seven eight nine ten. " * 6
    text = f"# Guide\n\n## Install\n\n{body}\n\n## Remove\n\n{body}\n"
    passages = chunk(load("a.md", text.encode()), _count, 80)
    assert [passage.headings for passage in passages] == [("Guide", "Install"), ("Guide", "Remove")]
    assert [passage.text[:10] for passage in passages] == ["# Guide\n\n#", "## Remove\n"]


def test_small_sections_share_a_passage() -> None:
    text = "".join(f"# Part {number}\n\nA few words only.\n\n" for number in range(4))
    assert len(chunk(load("a.md", text.encode()), _count, 60)) == 1


def test_a_long_section_is_cut_into_equal_parts_that_overlap_by_a_sentence() -> None:
    # 12 sentences of 10 tokens (9 words and a stop), a budget of 100: 2 passages of 60, one sentence repeated.
    text = " ".join(f"Sentence number {number} has exactly nine words in it." for number in range(12))
    first, second = chunk(Document(text=text), _count, 100)
    assert len(first.sentences) == 6
    assert second.sentences[0] == first.sentences[-1]
    assert len(second.sentences) == 7


def test_a_section_is_cut_at_the_end_of_a_paragraph_where_one_is_near() -> None:
    # 12 sentences of 10 tokens again, the fifth ends a paragraph: 50 is more than 0.75 of 60.
    said = [f"Sentence number {number} has exactly nine words in it." for number in range(12)]
    first, *_ = chunk(Document(text=" ".join(said[:5]) + "\n\n" + " ".join(said[5:])), _count, 100)
    assert len(first.sentences) == 5


def test_one_endless_word_is_cut_by_characters() -> None:
    passages = chunk(Document(text="x" * 5000), _count, 20)
    assert max(len(passage.text) for passage in passages) <= 20 * MOST_CHARACTERS_A_TOKEN
    assert "".join(passage.text for passage in passages) == "x" * 5000


def test_a_passage_lies_on_one_page_and_names_it() -> None:
    document = Document(text="First page.\n\nSecond page now.", page_starts=(0, 13))
    assert [(passage.page, passage.text) for passage in chunk(document, _count, 50)] == [
        (1, "First page."),
        (2, "Second page now."),
    ]


_TEXTS = st.text(alphabet=string.ascii_letters + "  ..!?\n\n#-:é漢\u00a0\u2028", max_size=600)


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 600), max_size=5), budget=st.integers(4, 40))
@settings(max_examples=150, deadline=None)
def test_passages_are_exact_spans_in_order_within_the_budget_and_lose_no_word(
    text: str, cuts: list[int], budget: int
) -> None:
    starts = sorted({cut for cut in cuts if cut < len(text)})
    headings = tuple(Heading(level=1 + start % 3, start=start, title=str(start)) for start in starts)
    document = Document(text=text, headings=headings, page_starts=tuple(starts[::2]))
    passages = chunk(document, _count, budget)
    covered = set[int]()
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text == passage.text.strip() != ""
        assert passage.page == document.page_at(passage.start) == document.page_at(passage.end - 1)
        assert (passage.sentences[0][0], passage.sentences[-1][1]) == (passage.start, passage.end)
        assert sum(_count([text[start:end] for start, end in passage.sentences])) <= budget
        covered.update(range(passage.start, passage.end))
    assert [passage.start for passage in passages] == sorted({passage.start for passage in passages})
    assert all(place in covered for place, character in enumerate(text) if character.isalnum())


@pytest.mark.parametrize("text", ["", "   \n\n "])
def test_no_text_makes_no_passage(text: str) -> None:
    assert chunk(Document(text=text), _count, 50) == []


def test_a_wrapped_line_of_prose_goes_on_and_a_list_does_not() -> None:
    text = (
        "If the card is lost, follow these\ninstructions.\n"
        "- For any other reimbursement, like expenses such as\n  insurance or training materials, choose one.\n"
        "apples\nbananas\n"
        "Brief overview of the approvals\nIf you have been set up, go on.\n"
    )
    assert [" ".join(text[start:end].split()) for start, end in sentence_spans(text)] == [
        "If the card is lost, follow these instructions.",
        "- For any other reimbursement, like expenses such as insurance or training materials, choose one.",
        "apples",
        "bananas",
        "Brief overview of the approvals",
        "If you have been set up, go on.",
    ]


def test_a_sentence_that_begins_late_in_a_wrapped_line_goes_on_too() -> None:
    text = (
        "Build it from the first letters, with some digits thrown in. Or just use\nthe whole line! It is long.\n\nEnd"
    )
    assert [" ".join(text[start:end].split()) for start, end in sentence_spans(text)] == [
        "Build it from the first letters, with some digits thrown in.",
        "Or just use the whole line!",
        "It is long.",
        "End",
    ]
