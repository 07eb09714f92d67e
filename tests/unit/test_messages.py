"""Messages use the words of the screen, and a refusal says what to do next."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.cli import main
from assistant.engine.protocol import check_settings
from assistant.errors import UsageError
from assistant.records import GenerationSettings
from assistant.settings import known_keys
from tests.unit.knowledge.embedders import WordEmbedder

_PRODUCT = Path(__file__).parents[2] / "assistant"
_RAW = re.compile(
    "|".join(
        rf"\b{re.escape(name)}\b"
        for key in known_keys()
        for name in (key, key.rpartition(".")[2])
        if "." in name or "_" in name
    )
)


def _messages(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of several words in a file that aren't docstrings, with {…} for what an f-string fills in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left |= {id(part) for part in ast.walk(node) if part is not node}
            if id(node) not in left:
                parts = [str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values]
                yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left:
            yield node.lineno, node.value


def test_no_message_calls_a_setting_by_its_raw_key() -> None:
    raw = [
        f"{path.relative_to(_PRODUCT)}:{line}: {text}"
        for path in sorted(_PRODUCT.rglob("*.py"))
        for line, text in _messages(path)
        if " " in text.strip() and "SELECT" not in text and _RAW.search(text)
    ]
    assert raw == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (GenerationSettings(max_new_tokens=0), "the longest answer"),
        (GenerationSettings(min_new_tokens=-1), "the shortest answer"),
        (GenerationSettings(min_new_tokens=900), "the shortest answer"),
        (GenerationSettings(no_repeat_ngram=-1), "must not repeat"),
        (GenerationSettings(candidates=0), "the drafts to choose among"),
        (GenerationSettings(repetition_penalty=0), "the repetition penalty"),
    ],
)
def test_numbers_out_of_range_are_called_what_the_screen_calls_them(settings: GenerationSettings, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_settings(settings)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("rate nope up", "`assistant summarize --json`"),
        ("history delete nope", "`assistant history list`"),
        ("feedback show nope", "`assistant feedback list`"),
        ("feedback delete nope", "`assistant feedback list`"),
        ("feedback export", "`assistant rate`"),
        ("models show nope", "`assistant models list`"),
        ("models use nope", "`assistant models list`"),
        ("models remove nope", "`assistant models list`"),
        ("models rollback", "`assistant models use REF`"),
        ("knowledge list", "assistant knowledge add PATH"),
        ("knowledge search tides", "assistant knowledge add PATH"),
        ("knowledge remove nope", "`assistant knowledge list`"),
        ("knowledge watch", "assistant knowledge add PATH"),
        ("rank one two", "See assistant rank --help."),
        ("models export", "See assistant models export --help."),
    ],
)
def test_a_refusal_says_what_to_do_next(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, advice: str
) -> None:
    monkeypatch.setattr("assistant.answering.library.open_embedder", lambda name, cache, **_: WordEmbedder())
    with pytest.raises(SystemExit):
        main(command.split())
    said = capsys.readouterr().err
    assert advice in said
    assert len(said.splitlines()) == 1
