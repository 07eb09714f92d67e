"""What a line in the composer goes on with."""

from pathlib import Path

import pytest

from assistant.tui.input.completion import completion_of


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("/mo", "de"),
        ("/mode fe", "w-shot"),
        ("/decoding g", "reedy"),
        ("/xyz", ""),
        ("/", ""),
        ("/mode ", ""),
        ("/copy x", ""),
        ("Maya: /mo", ""),
        ("", ""),
    ],
)
def test_commands_and_their_arguments_are_completed(line: str, rest: str) -> None:
    assert completion_of(line) == rest


def test_a_file_s_name_is_completed_folder_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chats").mkdir()
    (tmp_path / "chats" / "standup.txt").write_text("Maya: Hi")
    assert completion_of("@ch") == "ats/"
    assert completion_of("@chats/st") == "andup.txt"
    assert completion_of(f"@{tmp_path}/cha") == "ts/"
    assert completion_of("@nowhere/st") == ""
    assert completion_of("@") == ""
