"""`assistant` as a person runs it: in a process of its own, with files, pipes, exit codes and kills."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assistant.dialogue import parse
from assistant.feedback import Store, local_rater
from assistant.marking import numbers_of
from tests.end_to_end.command_line import SHORT, TALK, run
from tests.unit.assistant.marking.test_marks import a_mark


def test_a_file_gives_a_summary_as_the_last_line(talk: Path, tiny_model: Path) -> None:
    done = run("summarize", str(talk), "--model", str(tiny_model), *SHORT)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_json_has_the_documented_keys(talk: Path, tiny_model: Path) -> None:
    done = run("summarize", str(talk), "--model", str(tiny_model), *SHORT, "--json")

    answer = json.loads(done.stdout)
    documented = "summary drafts model backend mode prompt prompt_tokens completion_tokens seconds completion_id"
    assert set(documented.split()) <= set(answer)
    assert answer["drafts"] == [answer["summary"]]
    assert answer["backend"] == "ctranslate"


def test_to_dos_go_to_a_private_file_beside_the_digest(talk: Path, tmp_path: Path) -> None:
    todos = tmp_path / "todos.md"
    done = run("summarize", str(talk), "--task", "digest", "--todos-to", str(todos))

    assert done.returncode == 0, done.stderr
    assert todos.read_text(encoding="utf-8") == "- [ ] Tom · book the room\n"
    assert todos.stat().st_mode & 0o077 == 0
    assert "1 to-do written" in done.stderr.decode() and "To do" in done.stdout.decode()


def test_standard_input_is_read_like_a_file(talk: Path, tiny_model: Path) -> None:
    common = ("--model", str(tiny_model), *SHORT)

    expected = run("summarize", str(talk), *common).stdout
    assert expected
    assert run("summarize", *common, stdin=TALK.encode()).stdout == expected
    assert run("summarize", "-", *common, stdin=TALK.encode()).stdout == expected


_EXPORT = """\
[12:01] Maya created group "Review"
[12:03] Maya: The review moves to Friday.
[12:04] Maya: <Media omitted>
[12:05] Tom: I'll book the room.
"""


def test_lines_that_nobody_said_are_counted_and_speakers_renamed(tiny_model: Path) -> None:
    command = ("summarize", "--model", str(tiny_model), *SHORT, "--rename", "Maya=Zoë")

    done = run(*command, stdin=_EXPORT.encode("utf-16"))
    told = json.loads(run(*command, "--json", stdin=_EXPORT.encode("latin-1")).stdout)

    assert "left out" in done.stderr.decode() and "2 messages · 2 people" in done.stderr.decode()
    assert (told["format"], told["left_out"], told["turns"]) == ("chat", 2, 2)
    assert "Zoë: The review moves to Friday.\nTom: I'll book the room." in told["prompt"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "nothing to summarize"),
        (b"  \n\n ", "nothing to summarize"),
        (b"\x00\x01\x02\xff" * 100, "text"),
    ],
    ids=["empty", "blank", "binary"],
)
def test_an_unreadable_input_is_one_line_and_exit_2(
    content: bytes, complaint: str, tmp_path: Path, tiny_model: Path
) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)

    done = run("summarize", str(path), "--model", str(tiny_model))

    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["summarize", "no-such-file"], 2, "no-such-file"),
        (["summarize", "."], 2, "folder"),
        (["summarize", "talk.txt", "--mode", "nonsense"], 2, "few-shot"),
        (["summarize", "talk.txt", "--model", "nobody/nothing"], 3, "nobody/nothing"),
        (["summarize", "talk.txt", "--no-such-flag"], 2, "no-such-flag"),
        (["summarize", "talk.txt", "--decoding", "greedy", "--drafts", "2"], 2, "greedy"),
        (["summarize", "talk.txt", "--temperature", "0"], 2, "temperature"),
        (["summarize", "talk.txt", "--todos-to", "todos.txt"], 2, ".ics"),
        (["summarize", "talk.txt", "--todos-to", "todos.md", "--task", "summary"], 2, "--task digest"),
        (["summarize", "--jsonl", "in.jsonl", "--todos-to", "todos.md"], 2, "--jsonl"),
        (["no-such-verb"], 2, "no-such-verb"),
        ([], 2, "terminal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_one_line_with_its_exit_code(
    arguments: list[str], code: int, complaint: str, talk: Path
) -> None:
    done = run(*arguments)

    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert complaint in done.stderr.decode()


def test_an_error_under_json_is_one_object(talk: Path) -> None:
    done = run("summarize", str(talk), "--model", "nobody/nothing", "--json")

    error = json.loads(done.stderr)
    assert error["exit_code"] == done.returncode == 3
    assert "nobody/nothing" in error["error"]


def test_an_unknown_setting_is_refused_with_the_nearest_name(talk: Path, home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "config.toml").write_text("[generation]\ntop_kk = 3\n", encoding="utf-8")

    done = run("summarize", str(talk))

    assert done.returncode == 2
    assert "generation.top_k" in done.stderr.decode()


def test_the_prompt_is_shown_exactly(talk: Path, tiny_model: Path) -> None:
    done = run("prompt", "show", str(talk), "--model", str(tiny_model))

    assert done.stdout.decode().startswith("Summarize the following conversation.\n\nMaya: The review moves to Friday.")

    of_pocket = run("prompt", "show", str(talk), "--model", "pocket").stdout.decode()
    assert of_pocket.startswith("Summarize the following conversation.\n\n#Person1#: The review moves to Friday.")


def test_every_place_is_under_the_one_home(home: Path) -> None:
    places = json.loads(run("paths", "--json").stdout)

    assert all(place.startswith(str(home)) for place in places.values())
    assert not home.exists(), "asking where things lie creates nothing"


def test_what_was_kept_in_digests_is_told_and_forgotten(talk: Path) -> None:
    answer = json.loads(run("summarize", str(talk), "--task", "digest", "--json").stdout)
    with Store.open() as store:
        numbers = {"amount": 1.0}
        mark = a_mark("ab12", rater=local_rater(), completion=answer["completion_id"], numbers=numbers)
        store.judgements.judge(mark, made_now=True)
    told = json.loads(run("feedback", "stats", "--json").stdout)["points"]
    assert (told["kept"], told["dropped"]) == (1, 0) and told["moved"]["amount"] > 0
    assert b"1 kept, 0 dropped" in run("feedback", "stats").stdout
    assert b"point kept: Room 4 costs" in run("feedback", "list").stdout
    assert json.loads(run("feedback", "show", "ab1", "--json").stdout)["kind"] == "mark"

    assert run("feedback", "reset", "points").stdout.startswith(b"Forgot 1 mark.")
    told = json.loads(run("feedback", "stats", "--json").stdout)["points"]
    assert (told["kept"], told["moved"]) == (0, {})
    assert run("feedback", "reset", "everything").returncode == 2
    assert run("feedback", "delete", "ab12").stdout.startswith(b"Deleted 1 judgements")


def test_the_next_digest_follows_what_was_dropped(tmp_path: Path) -> None:
    said = ("The hall has a stage with new lights.", "Room 4 costs 120 euros.", "The garden is open until dark.")
    text = "\n".join(f"{name}: {one}" for name, one in zip(("Maya", "Tom", "Maya"), said, strict=True))
    file = tmp_path / "rooms.txt"
    file.write_text(text, encoding="utf-8")

    def best() -> dict[str, Any]:
        answer = json.loads(run("summarize", str(file), "--task", "digest", "--points", "1", "--json").stdout)
        return {"completion": answer["completion_id"], **answer["points"][0]}

    before = best()
    with Store.open() as store:
        for number in range(30):
            turn = number % 3
            numbers = numbers_of(parse(text), turn, 0, len(said[turn]))
            verdict = "drop" if turn == before["turn"] else "keep"
            mark = a_mark(f"d{number}", completion=before["completion"], number=number, says=verdict, numbers=numbers)
            store.judgements.judge(msgspec.structs.replace(mark, rater=local_rater()))
    assert best()["turn"] != before["turn"]
    run("feedback", "reset", "points")
    assert best()["turn"] == before["turn"]
