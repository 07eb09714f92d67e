"""Files handed over to be summarized: documents are read whole, conversations as what they are."""

import io
import json
import subprocess
import sys
from pathlib import Path

import docx
import pytest

from assistant.answering.files import read_file, read_file_text
from assistant.cli import main
from assistant.errors import InputUnreadable, UsageError
from tests.unit.knowledge.samples import FACT, HTML, OTHER, pdf, word

CHAT = "Maya: The review moves to Friday.\nTom: I'll book the room."


def test_a_document_is_read_whole_as_one_narrators_text(tmp_path: Path) -> None:
    (tmp_path / "rules.pdf").write_bytes(pdf(FACT, OTHER))
    (tmp_path / "rules.docx").write_bytes(word())
    (tmp_path / "rules.html").write_text(HTML)
    for name in ("rules.pdf", "rules.docx", "rules.html"):
        dialogue = read_file(tmp_path / name)
        said = " ".join(turn.text for turn in dialogue.turns)
        assert not dialogue.has_speakers
        assert FACT in said
        assert OTHER in said
        assert "alert" not in said


def test_a_document_is_parsed_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "rules.pdf").write_bytes(pdf(FACT, OTHER))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from assistant.answering.files import read_file_text\n"
        "print(read_file_text(Path('rules.pdf')))\n"
        "assert 'pypdfium2' not in sys.modules, 'a hostile file could end this process'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, FACT in done.stdout) == (0, True), done.stderr


def test_a_note_in_a_document_is_nobodys_turn(tmp_path: Path) -> None:
    (tmp_path / "rules.pdf").write_bytes(pdf(f"{FACT}\nNote: see below\nNote: see above"))
    assert not read_file(tmp_path / "rules.pdf").has_speakers


def test_a_conversation_in_a_word_file_keeps_its_speakers(tmp_path: Path) -> None:
    document = docx.Document()
    for line in CHAT.splitlines():
        document.add_paragraph(line)
    written = io.BytesIO()
    document.save(written)
    (tmp_path / "chat.docx").write_bytes(written.getvalue())
    assert read_file(tmp_path / "chat.docx").speakers == ("Maya", "Tom")


def test_text_is_read_as_before(tmp_path: Path) -> None:
    (tmp_path / "chat.txt").write_text(CHAT)
    assert read_file(tmp_path / "chat.txt").speakers == ("Maya", "Tom")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("scan.pdf", pdf(""), "no text"), ("broken.pdf", b"%PDF-1.4 nothing", "damaged"), ("empty.html", b"", "empty")],
)
def test_what_holds_no_text_says_so(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputUnreadable, match=message):
        read_file_text(tmp_path / name)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        read_file_text(tmp_path / "nowhere.pdf")


def test_summarize_takes_every_part_of_a_long_document(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [" ".join([f"Berth {number} is for boats of any length."] * 40) for number in range(4)]
    (tmp_path / "long.pdf").write_bytes(pdf(*pages))
    with pytest.raises(SystemExit) as stop:
        main(["summarize", str(tmp_path / "long.pdf"), "--model", str(tiny_model), "--decoding", "greedy", "--json"])
    assert stop.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["parts"] > 1
    assert all(f"Berth {number}" in answer["prompt"] for number in range(4))
