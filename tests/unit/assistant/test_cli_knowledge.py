"""`assistant knowledge` and `assistant ask`: the shapes that other tools read, and errors in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import main
from tests.unit.knowledge.embedders import WordEmbedder
from tests.unit.knowledge.samples import FACT, OTHER, pdf

QUESTION = "When does the harbour office open at half past seven?"


@pytest.fixture(autouse=True)
def words_for_minilm(monkeypatch: pytest.MonkeyPatch) -> None:
    """MiniLM's conversion takes ten seconds; its own tests are in test_embedder.py."""
    monkeypatch.setenv("ASSISTANT_KNOWLEDGE_ANSWERS", "quote")
    monkeypatch.setattr("assistant.answering.library.open_embedder", lambda name, cache, **_: WordEmbedder())


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rules.pdf").write_bytes(pdf("Welcome to Lindmark, a town of ropes.", FACT))
    (folder / "mooring.txt").write_text(f"Mooring\n\n{OTHER}\n")
    (folder / "broken\n\x1b[31m.json").write_text('{"')
    return folder


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, err = _run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_added_documents_answer_with_citations(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    added = _json(capsys, "knowledge", "add", str(docs))
    assert (added["added"], added["passages"]) == (2, 3)
    assert added["skipped"] == [{"path": str(docs / "broken\n\x1b[31m.json"), "reason": "damaged: not JSON (line 1)"}]
    answer = _json(capsys, "ask", QUESTION)
    assert answer["answerable"] is True
    assert answer["answer"] == FACT
    (citation,) = answer["citations"]
    assert {key: citation[key] for key in ("document", "page", "text")} == {
        "document": str(docs / "rules.pdf"),
        "page": 2,
        "text": FACT,
    }
    assert citation["end"] - citation["start"] == len(FACT)
    assert 0 < citation["score"] <= 1


def test_what_the_documents_do_not_hold_is_said_so(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    answer = _json(capsys, "ask", "Who composed the opera about a barber?")
    assert (answer["answer"], answer["answerable"], answer["citations"]) == ("", False, [])
    code, out, _ = _run(capsys, "ask", "Who composed the opera about a barber?")
    assert code == 0
    assert out.startswith("Not in your documents.")


def test_the_other_sources_of_a_quotation_say_what_they_hold(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    other = "The harbour office opens at half past seven in winter."
    (docs / "rules.pdf").write_bytes(pdf("Welcome to Lindmark, a town of ropes.", f"{FACT}\n{other}"))
    _json(capsys, "knowledge", "add", str(docs))
    code, out, _ = _run(capsys, "ask", QUESTION)
    assert code == 0
    quoted, first, second, text = out.splitlines()
    assert quoted.endswith("[1]")
    assert first.startswith(f"[1] {docs / 'rules.pdf'} p. 2, characters ")
    assert second.startswith(f"[2] {docs / 'rules.pdf'} p. 2, characters ")
    assert {quoted[1:-5], text.strip()} == {FACT, other}


def test_search_gives_passages_for_one_question_or_for_a_file_of_them(
    capsys: pytest.CaptureFixture[str], docs: Path, tmp_path: Path
) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    (hit,) = _json(capsys, "knowledge", "search", QUESTION, "-k", "1")
    assert set(hit) == {"passage_id", "document", "page", "place", "start", "end", "text", "score"}
    assert hit["text"] == FACT
    only = _json(capsys, "knowledge", "search", QUESTION, "--type", "txt")
    assert [found["document"] for found in only] == [str(docs / "mooring.txt")]
    queries = tmp_path / "q.jsonl"
    queries.write_text(json.dumps({"id": 7, "question": QUESTION}) + "\n")
    assert _run(capsys, "knowledge", "search", "--queries", str(queries), "-o", str(tmp_path / "r.jsonl"))[0] == 0
    (line,) = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert line["id"] == 7
    assert line["results"][0] == hit


@pytest.mark.parametrize("wish", ["Summarize rules.pdf", "please sum up Rules.pdf.", "a short summary of rules.pdf?"])
def test_a_summary_of_a_whole_file_is_no_question_to_passages(
    capsys: pytest.CaptureFixture[str], docs: Path, wish: str
) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    code, out, err = _run(capsys, "ask", wish)
    assert (code, out) == (2, "")
    assert f"assistant summarize {docs / 'rules.pdf'}" in err
    # What only mentions a file, or names none that is there, is asked.
    for question in ("When does rules.pdf say that the harbour office opens?", "Summarize my rules.pdfs"):
        assert _run(capsys, "ask", question)[0] == 0


def test_a_name_that_looks_like_markup_is_shown_as_it_is_on_the_bar(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("assistant.cli.output.is_interactive", lambda: True)
    folder = tmp_path / "d["
    folder.mkdir()
    (folder / "b] [red]x.txt").write_text(FACT)
    code, out, err = _run(capsys, "knowledge", "add", str(folder))
    assert (code, out[:8]) == (0, "1 added,")
    assert "/d[/b] [red]x.txt" in err


def test_list_update_and_remove(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    code, out, _ = _run(capsys, "knowledge", "list")
    assert code == 0
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3
    (docs / "mooring.txt").unlink()
    assert _json(capsys, "knowledge", "update")["deleted"] == 1
    assert _json(capsys, "knowledge", "remove", str(docs), "--purge")["files"] == 2
    assert _json(capsys, "knowledge", "list") == []


def test_one_file_is_no_plural(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text(FACT)
    _json(capsys, "knowledge", "add", str(tmp_path / "rules.txt"))
    assert _run(capsys, "knowledge", "list")[2].startswith("1 file below ")


def test_evaluate_makes_questions_of_the_documents(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    report = _json(capsys, "knowledge", "evaluate")
    assert (report["made"], report["hit1"], report["span_exact"]) == (True, 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["knowledge", "add"], 2, "name the files"),
        (["knowledge", "add", "nowhere"], 3, "no such file or folder"),
        (["knowledge", "remove", "nowhere"], 3, "not in the knowledge base"),
        (["knowledge", "search"], 2, "QUERY or --queries"),
        (["knowledge", "search", "x", "-k", "0"], 2, "at least 1"),
        (["knowledge", "search", "x", "--since", "monday"], 2, "2026-03-01"),
        (["knowledge", "search", "--queries", "nowhere.jsonl"], 2, "cannot read"),
        (["knowledge", "evaluate"], 3, "add documents first"),
        (["ask", " "], 2, "write a question"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    got, _, err = _run(capsys, *arguments)
    assert (got, len(err.splitlines())) == (code, 1)
    assert message in err


def test_a_second_evaluation_of_the_same_questions_shows_what_changed(
    capsys: pytest.CaptureFixture[str], docs: Path
) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    first = _json(capsys, "knowledge", "evaluate")
    assert (first["before"], first["change"]) == (None, None)
    assert (first["answer_in_quote"], first["index"]["documents"]) == (1.0, 2)
    # A copy of a passage with other words around it takes part in the ranking: the index has changed.
    (docs / "copy.txt").write_text(f"{OTHER} {OTHER}")
    _json(capsys, "knowledge", "update")
    second = _json(capsys, "knowledge", "evaluate")
    assert second["index"]["documents"] == 3
    assert second["questions"] == first["questions"]
    assert second["before"]["mrr"] == first["mrr"]
    assert second["change"]["mrr"] == pytest.approx(second["mrr"] - first["mrr"])
    _, out, _ = _run(capsys, "knowledge", "evaluate")
    assert "as before" in out
    assert "Beside:" in out


def test_a_question_file_tells_refusals_and_quotes(
    capsys: pytest.CaptureFixture[str], docs: Path, tmp_path: Path
) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    lines = [
        {"question": QUESTION, "relevant": ["rules.pdf"], "answers": ["half past seven"]},
        {"question": "Who composed the opera about a barber?", "answerable": False},
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = _json(capsys, "knowledge", "evaluate", str(tmp_path / "q.jsonl"))
    assert (report["made"], report["questions"], report["answerable"]) == (False, 2, 1)
    assert (report["hit1"], report["answer_in_quote"], report["auc"]) == (1.0, 1.0, 1.0)
    assert (report["false_refusals"], report["false_answers"]) == (0.0, 0.0)


def test_purging_blanks_what_was_answered(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    from assistant.feedback.store import Store

    _json(capsys, "knowledge", "add", str(docs))
    answer = _json(capsys, "ask", QUESTION)
    assert _json(capsys, "knowledge", "remove", str(docs), "--purge")["blanked"] == 1
    with Store.open() as store:
        kept = store.completions.get(answer["completion_id"])
    assert (kept.answer, FACT in kept.prompt) == ("[removed].", False)


def test_purging_says_what_it_forgot_and_blanked(capsys: pytest.CaptureFixture[str], docs: Path) -> None:
    _json(capsys, "knowledge", "add", str(docs))
    _json(capsys, "ask", QUESTION)
    code, out, _ = _run(capsys, "knowledge", "remove", str(docs), "--purge")
    assert code == 0
    assert out == "Forgot 3 files with 3 passages. Their text was blanked in 1 stored answers.\n"
