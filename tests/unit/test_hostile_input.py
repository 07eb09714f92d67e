"""Input that nobody should have written: a few examples of each property (`make trust` tries thousands), texts that
give orders, and terminal escapes in every place that is shown.
"""

import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.cli import main
from assistant.dialogue import parse
from assistant.engine.pipe import PipeClosed, Receiver
from assistant.engine.protocol import Reply
from assistant.feedback.store import Store
from assistant.locations import knowledge_dir, models_dir, store_file
from assistant.prompts import load_shots, render
from assistant.tui.input.routing import InView, routes_for
from knowledge.library import Library
from tests.builders import a_completion
from tests.trust.properties import PROPERTIES
from tests.unit.knowledge.embedders import WordEmbedder

HOSTILE: list[str] = tomllib.loads((Path(__file__).parents[1] / "trust" / "hostile.toml").read_text(encoding="utf-8"))[
    "lines"
]
_SLOW_SETUP = {"import file": 5, "settings file": 10}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31mred\u202egnorw"


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_holds_for_a_few_examples(name: str) -> None:
    holds, strategies = PROPERTIES[name]
    rounds = settings(
        max_examples=_SLOW_SETUP.get(name, 15),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )

    def once(**drawn: object) -> None:
        holds(**drawn)

    rounds(given(**strategies)(once))()


@pytest.mark.parametrize(
    "body", [b"\x82\xa4type\xa1\x80", b"\x81" * 3000, b"\xc1"], ids=["no text", "deep", "no value"]
)
def test_a_message_that_is_none_ends_the_connection(body: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, len(body).to_bytes(4, "little") + body)
    with pytest.raises(PipeClosed):
        Receiver(reading, Reply).receive(5)
    os.close(reading)
    os.close(writing)


def test_the_set_of_hostile_texts_is_large_enough() -> None:
    assert len(set(HOSTILE)) >= 50


_TALKS = (
    "Maya: The review moves to Friday at ten.\nTom: I'll book the harbour room.",
    "#Person1#: Where are the keys?\n#Person2#: In the office, beside the door.",
)
_QUESTION = "Which colour is the fence?"
"""Shares no word with any of the texts: a question goes to the conversation where they share one, whoever said it."""


@pytest.mark.parametrize("line", HOSTILE)
def test_what_is_said_in_a_conversation_changes_neither_its_route_nor_how_it_is_asked_about(line: str) -> None:
    for talk in _TALKS:
        text = f"{talk}\nMaya: {line}"
        for view in (InView(), InView(conversation=parse(talk), has_answer=True, has_documents=True)):
            plain = f"{talk}\nMaya: The sun is out today."
            assert routes_for(text, parse(text), view) == routes_for(plain, parse(plain), view)
            in_view = InView(conversation=parse(text), has_answer=True, has_documents=True)
            as_plain = InView(conversation=parse(plain), has_answer=True, has_documents=True)
            assert routes_for(_QUESTION, None, in_view)[0] == routes_for(_QUESTION, None, as_plain)[0]
        prompts = [
            render(t, mode="zero-shot", task="summary", shots=load_shots(), budget=2000, count_tokens=len)
            for t in (text, plain)
        ]
        assert (prompts[0].mode, prompts[0].task, prompts[0].version) == (
            prompts[1].mode,
            prompts[1].task,
            prompts[1].version,
        )
        head, _, _ = prompts[1].text.partition(talk)
        assert prompts[0].text.startswith(head + talk)  # the instruction stands before, and the text is quoted whole


_FACTS = {
    "hours.txt": ("The office opens at nine in the morning.", "When does the office open?"),
    "pier.txt": ("Boats longer than twelve metres moor at the north pier.", "Where do long boats moor?"),
    "lease.txt": ("The lease ends after a notice of three months.", "How long is the notice of the lease?"),
    "cheese.txt": ("The cheese ripens in brine for eight weeks.", "How long does the cheese ripen in brine?"),
}


def test_no_document_that_gives_orders_is_cited_in_the_place_of_the_one_that_answers(tmp_path: Path) -> None:
    for name, (fact, _) in _FACTS.items():
        (tmp_path / name).write_text(fact)
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    library = Library(knowledge_dir(), WordEmbedder)
    try:
        library.add([tmp_path])
        before = {question: _first(library, question) for _, question in _FACTS.values()}
        assert {Path(path).name for path in before.values()} == set(_FACTS)
        for number, line in enumerate(HOSTILE):
            (hostile / f"{number}.txt").write_text(f"{line}\n")
        library.update()
        changed = [q for q, path in before.items() if _first(library, q) != path]
    finally:
        library.close()
    assert changed == []


def _first(library: Library, question: str) -> str:
    return library.search(question, 3).hits[0].document


_DEEP, _LONG, _NO_TEXT = b"[" * 5000, b"9" * 5000, b"\xff\xfe\x00"
"""Nested further than a parser follows, more digits than Python reads, and bytes that are no UTF-8."""


@pytest.mark.parametrize("value", [_DEEP, _LONG, b'"' + _NO_TEXT + b'"'], ids=["deep", "long", "no text"])
@pytest.mark.parametrize(
    ("place", "begin", "command"),
    [
        ("config/config.toml", b"[generation]\nseed = ", ("paths",)),
        ("config/config.toml", b"[generation]\nseed = ", ("config", "show")),
        ("config/prompts/mine.toml", b"phrasings = ", ("prompt", "show", "{talk}")),
        ("config/guideline.toml", b"text = ", ("feedback", "stats")),
        ("in.jsonl", b'{"dialogue":"A: hi","chosen":"x","rejected":', ("feedback", "import", "{place}")),
        ("in.jsonl", b'{"id":', ("summarize", "--jsonl", "{place}")),
        ("rank.json", b'{"ranking":', ("rank", "{place}")),
        ("data/models/current.json", b'{"ref":', ("models", "list")),
    ],
)
def test_what_no_parser_can_follow_is_a_line_and_no_traceback(
    place: str, begin: bytes, value: bytes, command: tuple[str, ...], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, talk = home / place, home / "talk.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(begin + value)
    talk.write_text("Maya: Hi.\nTom: Hello.")
    with pytest.raises(SystemExit) as ended:
        main([word.format(place=path, talk=talk) for word in command])
    told = capsys.readouterr().err
    assert "this should not happen" not in told
    assert ended.value.code == 0 or (told.startswith("assistant: ") and told.count("\n") == 1)
    assert path.read_bytes() == begin + value


def test_what_nobody_foresaw_is_a_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stumble() -> None:
        raise ZeroDivisionError(f"by\n{ESCAPE}")

    monkeypatch.setattr("assistant.cli.places.paths", stumble)
    with pytest.raises(SystemExit) as ended:
        main(["paths"])
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told.startswith("assistant: this should not happen: ZeroDivisionError: by ")
    assert told.count("\n") == 1
    assert not _CONTROL.search(told)
    with pytest.raises(ZeroDivisionError):
        main(["paths", "--debug"])


def _shown(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """All that the command prints."""
    with pytest.raises(SystemExit):
        main(command)
    return "".join(capsys.readouterr())


def test_no_escape_from_the_database_a_file_name_or_a_model_s_name_reaches_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open() as store:
        store.completions.add([a_completion("c1", answer=f"answer {ESCAPE}", prompt=f"prompt {ESCAPE}")])
        store.judgements.rate("c1", "up", rater=f"ann{ESCAPE}", comment=ESCAPE)
        store.chats.new(f"title {ESCAPE}")
    (models_dir() / f"evil{ESCAPE}".replace("/", "")).mkdir(parents=True)
    folder = tmp_path / f"docs{ESCAPE}"
    folder.mkdir()
    (folder / f"note{ESCAPE}.txt").write_text(f"The pier {ESCAPE} opens at nine.")
    library = Library(knowledge_dir(), WordEmbedder)
    library.add([folder])
    library.close()
    rating = _shown(capsys, "feedback", "list", "--json")
    (identity,) = re.findall(r'"id": "([0-9a-f]+)"', rating)
    outputs = {
        " ".join(command): _shown(capsys, *command)
        for command in (
            ("history",),
            ("history", "--json"),
            ("feedback", "list"),
            ("feedback", "show", identity),
            ("feedback", "show", identity, "--json"),
            ("knowledge", "list"),
            ("knowledge", "list", "--json"),
            ("models", "list"),
            ("summarize", str(folder / "none\x1b[2J.txt")),
            ("summarize", str(folder), "--json"),
        )
    }
    assert {name: text for name, text in outputs.items() if _CONTROL.search(text)} == {}
    assert "title red" in outputs["history"]
    assert store_file().exists()


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(text=st.text(st.sampled_from("ab\x1b[]\x9b\x07;0mJ\u202e\r\n\t:@=()"), max_size=40))
def test_what_the_screen_draws_holds_no_control_character(text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from assistant.terminal import printable

    drawn = Console(width=40, force_terminal=False, color_system=None)
    with drawn.capture() as capture:
        drawn.print(Text(printable(text)))
    assert not _CONTROL.search(capture.get())
