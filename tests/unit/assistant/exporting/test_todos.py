"""To-dos as files: what another program reads of them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from assistant.digest import Todo
from assistant.errors import UsageError
from assistant.exporting import kind_of, todos_as

_SEND = Todo(who="Tom", what="send the invoice", when="by 3 May", date="2026-05-03", turn=4, text="I'll send it.")
_ODD = Todo(who="", what="book; pay,\n\x1b[31mand\\or wait", when="", date="", turn=0, text=f"{'long, ' * 40}line")


def _tasks(content: bytes) -> list[Any]:
    from icalendar import Calendar

    return list(Calendar.from_ical(content).walk("VTODO"))


def test_a_checklist_has_a_box_a_line_and_no_escape() -> None:
    lines = todos_as("md", (_SEND, _ODD)).decode().splitlines()
    assert lines == ["- [ ] Tom · send the invoice · by 3 May (2026-05-03)", "- [ ] book; pay, and\\or wait"]


def test_json_is_the_to_dos_themselves() -> None:
    (read,) = json.loads(todos_as("json", (_SEND,)))
    assert (read["who"], read["what"], read["when"], read["date"]) == (
        "Tom",
        "send the invoice",
        "by 3 May",
        "2026-05-03",
    )


def test_a_calendar_reads_owner_thing_and_day_back() -> None:
    first, second = _tasks(todos_as("ics", (_SEND, _ODD)))
    assert first["summary"] == "Tom: send the invoice"
    assert first["due"].dt == date(2026, 5, 3)
    assert first["description"] == "I'll send it. (by 3 May)"
    assert first["status"] == "NEEDS-ACTION"
    assert second["summary"] == "book; pay, and\\or wait"
    assert second["description"] == _ODD.text, "a long line is folded and read back whole"
    assert "due" not in second


def test_the_same_to_do_is_the_same_task_and_another_is_not() -> None:
    other = structs.replace(_SEND, what="send the keys")
    once, again = _tasks(todos_as("ics", (_SEND, other))), _tasks(todos_as("ics", (_SEND,)))
    assert once[0]["uid"] == again[0]["uid"] != once[1]["uid"]


def test_a_task_stays_itself_when_its_owner_is_put_right_and_equal_ones_stay_apart() -> None:
    fixed = structs.replace(_SEND, who="Ana", when="", date="", done=True)
    twice = _tasks(todos_as("ics", (_SEND, structs.replace(_SEND, who="Bo"))))
    assert _tasks(todos_as("ics", (fixed,)))[0]["uid"] == twice[0]["uid"] != twice[1]["uid"]
    later = structs.replace(_SEND, turn=5)
    assert _tasks(todos_as("ics", (later,)))[0]["uid"] != twice[0]["uid"]


def test_a_day_that_is_none_costs_the_due_day_alone() -> None:
    (task,) = _tasks(todos_as("ics", (structs.replace(_SEND, date="tomorrow"),)))
    assert task["summary"] == "Tom: send the invoice" and "due" not in task


def test_lines_of_a_calendar_are_no_longer_than_the_standard_lets_them_be() -> None:
    # RFC 5545, 3.1: at most 75 octets, ended by CRLF.
    lines = todos_as("ics", (_SEND, _ODD)).split(b"\r\n")
    assert max(map(len, lines)) <= 75


def test_the_format_is_that_of_the_name() -> None:
    assert [kind_of(Path(name)) for name in ("a.md", "b.ICS", "c.d.json")] == ["md", "ics", "json"]
    with pytest.raises(UsageError, match=r"\.md, \.ics, \.json"):
        kind_of(Path("todos.txt"))


def test_nothing_to_do_is_a_file_without_tasks() -> None:
    assert todos_as("md", ()) == b""
    assert json.loads(todos_as("json", ())) == []
    assert _tasks(todos_as("ics", ())) == []
