"""Every loader reads its sample, keeps headings and pages, and says in words why it reads something not."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from knowledge.chunking import chunk
from knowledge.errors import DocumentUnreadable
from knowledge.loaders import LOADERS, load
from tests.unit.knowledge.samples import FACT, HTML, MAIL, MARKDOWN, OTHER, RST, pdf, sample, word


def _count(texts: object) -> list[int]:
    assert isinstance(texts, list)
    return [len(text.split()) for text in texts]


@pytest.mark.parametrize("suffix", LOADERS)
def test_every_loader_keeps_the_text_and_its_spans(suffix: str) -> None:
    document = load("sample" + suffix, sample(suffix))
    assert FACT in document.text
    assert OTHER in document.text
    passages = chunk(document, _count, 12)
    assert len(passages) > 1
    again = load("sample" + suffix, sample(suffix))
    for passage in passages:
        assert again.text[passage.start : passage.end] == passage.text
        assert all(passage.start <= start < end <= passage.end for start, end in passage.sentences)
    assert FACT in " ".join(passage.text for passage in passages)


@pytest.mark.parametrize("suffix", [".txt", ".md", ".rst", ".py", ".log"])
def test_a_span_of_a_text_file_is_a_place_in_the_file(suffix: str) -> None:
    document = load("sample" + suffix, sample(suffix))
    start = document.text.index(FACT)
    assert sample(suffix).decode()[start : start + len(FACT)] == FACT


@pytest.mark.parametrize(("suffix", "content"), [(".md", MARKDOWN), (".rst", RST), (".html", HTML)])
def test_headings_stand_above_what_follows_them(suffix: str, content: str) -> None:
    document = load("sample" + suffix, content.encode())
    assert document.title == "Harbour rules"
    assert document.headings_at(document.text.index(FACT)) == ("Harbour rules", "Opening hours")
    assert document.headings_at(document.text.index(OTHER)) == ("Harbour rules", "Mooring")
    assert len(document.headings) == 3
    # A heading begins at its own title, or at the marks before it, so that a passage holds what it stands under.
    for heading in document.headings:
        assert document.text[heading.start :].lstrip("# ").startswith(heading.title)


def test_a_word_file_keeps_headings_and_tables_in_order() -> None:
    document = load("a.docx", word())
    assert document.title == "Harbour rules"
    assert document.headings_at(document.text.index(OTHER)) == ("Opening hours", "Mooring")
    assert "Berth: A1 · Price: 30 kroner" in document.text


def test_a_pdf_keeps_its_pages() -> None:
    document = load("a.pdf", pdf(FACT, OTHER, "The end."))
    assert document.page_at(document.text.index(FACT)) == 1
    assert document.page_at(document.text.index(OTHER)) == 2
    assert document.page_at(len(document.text) - 1) == 3
    assert document.title == "Harbour rules"


def test_an_empty_page_still_counts() -> None:
    document = load("a.pdf", pdf("", OTHER))
    assert document.page_at(document.text.index(OTHER)) == 2


def test_a_page_shows_neither_scripts_nor_navigation_nor_hidden_text() -> None:
    text = load("a.html", HTML.encode()).text
    assert not any(unseen in text for unseen in ("alert", "color", "Contact", "Not to be seen"))


def test_a_message_names_its_attachments_and_leaves_them_out() -> None:
    document = load("a.eml", MAIL.encode())
    assert document.title == "Harbour rules"
    assert "From: Ada <ada@example.org>" in document.text
    assert "Attachments: map.txt" in document.text
    assert "secret map" not in document.text


def test_a_subtitle_keeps_time_and_speaker() -> None:
    assert f"[00:01:02] Bo: {OTHER}" in load("a.vtt", sample(".vtt")).text
    assert f"[00:01:02] {OTHER}" in load("a.srt", sample(".srt")).text


def test_a_cell_stands_beside_the_name_of_its_column() -> None:
    assert f"topic: hours · rule: {FACT}" in load("a.csv", sample(".csv")).text
    assert f"hours.office: {FACT}" in load("a.json", sample(".json")).text
    assert "berths: A1, A2" in load("a.json", sample(".json")).text


def test_definitions_are_the_headings_of_source_code() -> None:
    document = load("a.py", sample(".py"))
    assert document.headings_at(document.text.index(OTHER)) == ("class Harbour", "def moor")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_legacy_encodings_are_read(encoding: str) -> None:
    assert load("a.txt", "Smørrebrød café\n".encode(encoding)).text == "Smørrebrød café\n"


def _encrypted() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(FACT))))
    writer.encrypt("secret", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _bomb() -> bytes:
    written = io.BytesIO(word())
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"word/media/{number}.xml", b"\0" * 8 * 2**20)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", _encrypted(), "encrypted"),
        ("a.pdf", pdf("", ""), "scan"),
        ("a.pdf", pdf(FACT)[:200], "damaged"),
        ("a.pdf", b"%PDF-1.4 and nothing else", "damaged"),
        ("a.docx", word()[:3000], "damaged"),
        ("a.docx", b"PK\x03\x04 no zip", "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0 an encrypted file", "encrypted"),
        ("a.docx", _bomb(), "zip bomb"),
        ("a.txt", b"binary \0 data", "NUL"),
        ("a.txt", b" \n\t ", "empty"),
        ("a.txt", b"---\n***\n", "no text"),
        ("a.json", b'{"open": ', "line 1"),
        ("a.json", b"[" * 100_000 + b"]" * 100_000, "nested"),
        ("a.jsonl", b'{"a": "fine"}\n{"b"\n', "line 2"),
        ("a.vtt", b"WEBVTT\n\nno cue", "no cue"),
        ("a.eml", b"\n\nno header", "no header"),
        ("a.exe", b"MZ", "no reader for .exe"),
    ],
    # Not the bytes: some differ at every start.
    ids=lambda value: "" if isinstance(value, bytes) else value.replace(" ", "-"),
)
def test_what_cannot_be_read_is_refused_with_the_reason(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(DocumentUnreadable, match=reason):
        load(name, content)


@pytest.mark.parametrize("suffix", {loader: suffix for suffix, loader in LOADERS.items()}.values())
@given(content=st.binary(max_size=300), kept=st.integers(0, 400))
@settings(max_examples=15, deadline=None)
def test_damaged_content_is_read_or_refused_and_nothing_else(suffix: str, content: bytes, kept: int) -> None:
    try:
        load("a" + suffix, sample(suffix)[:kept] + content)
    except DocumentUnreadable as error:
        assert str(error)
