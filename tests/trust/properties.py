"""Properties that must hold for any input: PROPERTIES, with inputs from hypothesis.

`tests/unit/test_hostile_input.py` tries a few examples of each, `tests/trust/fuzz.py` as many as fit into its time.
"""

import contextlib
import functools
import hashlib
import io
import os
import re
import tempfile
import tomllib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import tomlkit
from hypothesis import strategies as st

from assistant.archive import Manifest, Member, check_archive, extract_archive
from assistant.cli.output import say, say_json
from assistant.dialogue import parse, render_turns, split
from assistant.dialogue.reading import read_text
from assistant.engine.pipe import PipeClosed, Receiver
from assistant.engine.protocol import Failed, Generate, GenerationSettings, Piece, Reply, Request, Score
from assistant.errors import AssistantError
from assistant.feedback.sharing.exchange import import_lines
from assistant.feedback.store import Store
from assistant.models.folder import inspect_folder
from assistant.prompts import TASKS, load_shots
from assistant.prompts.own import join_own
from assistant.settings import known_keys, resolve, save_setting
from assistant.terminal import json_line, one_line, printable
from knowledge.chunking import chunk
from knowledge.errors import DocumentUnreadable
from knowledge.loaders import LOADERS, load
from tests.unit.knowledge.samples import sample

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_PIECES = st.sampled_from(
    [
        *("Maya: ", "Tom: hello", "\n", "\r\n", "[10:30] ", "12/03/2024, 10:30 - Ana: ", "#Person1#: ", "> ", "***"),
        *("WEBVTT\n\n", "00:00:01.000 --> 00:00:02.000\n", "1\n00:00:01,000 --> 00:00:02,000\n", "From: a@b.c\n"),
        *('{"messages": [', '{"text": "x"}', "]", "}", "\x1b[31m", "\x1b]0;t\x07", "\x9b2J", "\u202e", "\x00"),
        *("[" * 5000, "{" * 3000, "9" * 5000, "(" * 3000, "<b>" * 2000),
        *("joined the group", "🙂", "a" * 300, "0", " ", "\t", ":", "::", "\ufeff", "\u2028", "\x85", "\ud7ff"),
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=400), st.lists(st.one_of(_PIECES, st.text(max_size=20)), max_size=60).map("".join))


def dialogue(text: str) -> None:
    """Any text is a dialogue or refused with one line. A dialogue can be written, and split into non-empty parts."""
    try:
        found = parse(text)
    except AssistantError as error:
        _one_line(error)
        return
    assert found.turns
    written = render_turns(found)
    assert written.strip()
    for part in split(found, 60, lambda piece: len(piece.split())):
        assert part.text.strip()


def dialogue_file(content: bytes) -> None:
    """Any bytes are text or refused with one line."""
    with _told(AssistantError):
        parse(read_text(io.BytesIO(content)))


def loader(suffix: str, content: bytes) -> None:
    """Any file is a document whose passages are parts of its text, or unreadable with a reason."""
    try:
        document = load(f"file{suffix}", content)
    except DocumentUnreadable as error:
        _one_line(error)
        return
    for passage in chunk(document, lambda texts: [len(text.split()) for text in texts], 40):
        assert document.text[passage.start : passage.end] == passage.text


def import_file(content: bytes) -> None:
    """Any import is stored completely, or refused with one line and nothing stored."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.db") as store:
        path = Path(folder) / "in.jsonl"
        path.write_bytes(content)
        try:
            import_lines(store, path)
        except AssistantError as error:
            _one_line(error)
            assert store.completions.newest() == []
            assert store.judgements.rankings() == []


def settings_file(content: bytes) -> None:
    """Any settings file is read, or refused with one line and never overwritten."""
    with _home() as home:
        path = home / "config" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        with _told(AssistantError):
            resolve({})
        before = path.read_bytes()
        try:
            save_setting("prompt.mode", "few-shot")
        except AssistantError as error:
            _one_line(error)
            assert path.read_bytes() == before
        else:
            assert tomllib.loads(path.read_text("utf-8-sig"))["prompt"]["mode"] == "few-shot"


def settings_environment(name: str, value: str) -> None:
    """Any environment variable of a setting is read or refused with one line."""
    with _home(), _told(AssistantError):
        resolve({"ASSISTANT_" + name.replace(".", "_").upper(): value})


def protocol(content: bytes) -> None:
    """Any bytes in the pipe are a message or the end of the connection, for both sides."""
    for kind in (Request, Reply):
        reading, writing = os.pipe()
        try:
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                os.write(writing, content)
            os.close(writing)
            receiver: Receiver[msgspec.Struct] = Receiver(reading, kind)
            with contextlib.suppress(PipeClosed):
                while (message := receiver.receive(0)) is not None:
                    assert isinstance(message, msgspec.Struct)
        finally:
            os.close(reading)


def terminal(text: str) -> None:
    """No control character of any text reaches the terminal, and JSON preserves the text."""
    for shown in (printable(text), one_line(text), json_line({"x": text})):
        assert not _CONTROL.search(shown), repr(shown)
    assert "\n" not in one_line(text)
    assert msgspec.json.decode(json_line(text)) == text
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        say(text)
        say_json([text, {text: text}])
    assert not _CONTROL.search(out.getvalue())


def archive(content: bytes) -> None:
    """Any file is a backup or refused with one line. Nothing is written outside the target folder."""
    with tempfile.TemporaryDirectory() as folder:
        path, inner = Path(folder) / "x.zip", Path(folder) / "a" / "b" / "inner"
        path.write_bytes(content)
        inner.mkdir(parents=True)
        with _told(AssistantError):
            check_archive(path, "parley")
        with _told(AssistantError):
            extract_archive(path, inner, "parley")
        outside = {found for found in Path(folder).rglob("*") if inner not in found.parents}
        assert outside == {path, inner, *(parent for parent in inner.parents if Path(folder) in parent.parents)}


def own_wordings(content: bytes) -> None:
    """Any file of wordings is joined, or refused with one line and without effect."""
    before = (dict(TASKS), load_shots())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.toml").write_bytes(content)
        try:
            join_own(Path(folder))
        except AssistantError as error:
            _one_line(error)
            assert (dict(TASKS), load_shots()) == before
        finally:
            join_own(Path(folder) / "none")


def model_folder(config: bytes, tokenizer: bytes, weights: bytes) -> None:
    """Any folder is a complete model or refused with one line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("config.json", config), ("tokenizer.json", tokenizer), ("model.safetensors", weights)):
            (folder / file).write_bytes(content)
        with _told(AssistantError):
            inspect_folder(folder)


def _one_line(error: Exception) -> None:
    text = one_line(str(error))
    assert text
    assert len(text) < 2000


@contextlib.contextmanager
def _told(kind: type[Exception]):  # type: ignore[no-untyped-def]
    try:
        yield
    except kind as error:
        _one_line(error)


@contextlib.contextmanager
def _home():  # type: ignore[no-untyped-def]
    before, folder = os.environ.get("ASSISTANT_HOME"), tempfile.TemporaryDirectory()
    here = Path.cwd()
    try:
        with folder as name:
            os.environ["ASSISTANT_HOME"] = name
            os.chdir(name)
            yield Path(name)
            os.chdir(here)
    finally:
        os.chdir(here)
        os.environ.pop("ASSISTANT_HOME")
        if before:
            os.environ["ASSISTANT_HOME"] = before


def _mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with one to four pieces replaced, removed or repeated."""
    place = st.integers(0, max(len(content), 1))
    change = st.tuples(place, st.integers(0, 200), st.binary(max_size=30) | TEXTS.map(_encoded), st.integers(0, 3))
    return st.lists(change, min_size=1, max_size=4).map(lambda changes: functools.reduce(_change, changes, content))


def _change(content: bytes, change: tuple[int, int, bytes, int]) -> bytes:
    at, length, piece, how = change
    end = min(len(content), at + length)
    return (
        content[:at] + piece + content[end:],
        content[:at],
        content[:at] + content[at:end] * 3 + content[end:],
        content[:at] + content[end:],
    )[how]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)
_KEYS = st.sampled_from(
    ["dialogue", "prompt", "chosen", "rejected", "ranking", "fail", "rater", "confidence", "reasons"]
)
_LINE = b'{"dialogue":"A: hi\\nB: yes","chosen":"good","rejected":"bad","rater":"ann","confidence":0.5}\n'
_RANKING = b'{"dialogue":"A: hi\\nB: yes","ranking":[["a","b"],["c"]],"fail":["d"]}\n'
_TOML = b'[prompt]\nmode = "one-shot"\n\n[generation]\ntop_k = 3\nseed = 7\n[keys]\nsend = "ctrl+s"\n'
_OWN = (
    b'[[phrasings]]\ntask = "summary"\nname = "mine"\ntext = "Sum up: {dialogue}"\n\n'
    b'[[shots]]\nname = "one"\ndialogue = "A: hi\\nB: yes"\nrationale = "They greet."\n'
    b'answers = { summary = "A greets B." }\n'
)
_CONFIG = b'{"model_type": "t5", "n_positions": 512, "d_model": 32}'
_TOKENIZER = b'{"model": {"type": "Unigram", "vocab": []}}'
_HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
_WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + b"\0\0\0\0"


def _dumped(value: object) -> bytes:
    import json

    return json.dumps(value).encode()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("store.db", b"content" * 50)
        archive.writestr("manifest.json", b'{"format":1,"product":"parley","version":"1","created":"","members":[]}')
    return stream.getvalue()


def _named(names: list[str]) -> bytes:
    """A backup whose members have any names, with a correct manifest."""
    stream, content = io.BytesIO(), b"content"
    digest = hashlib.sha256(content).hexdigest()
    members = tuple(Member(name=name, size=len(content), sha256=digest) for name in names)
    said = Manifest(format=1, product="parley", version="1", created="", members=members)
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            with warnings.catch_warnings(action="ignore"):  # the same name twice
                archive.writestr(zipfile.ZipInfo(name), content)
        archive.writestr("manifest.json", msgspec.json.encode(said))
    return stream.getvalue()


_NAMES = st.lists(
    st.lists(st.sampled_from(["a", "..", ".", "/", "//", "\\", "C:", "~", " ", "\x1b[2J", "é", "b" * 260]), min_size=1)
    .map("".join)
    .filter(lambda name: len(name) < 60_000),
    max_size=4,
)


def _messages() -> st.SearchStrategy[bytes]:
    whole: list[msgspec.Struct] = [
        Generate(1, ("A: hi",), GenerationSettings(seed=3), stream=True, barred=((1, 2),)),
        Score(2, ("A: hi", "B: yes"), ("x", "y")),
        Piece(1, "text"),
        Failed(1, "UsageError", "line"),
    ]
    sound = [msgspec.msgpack.encode(message) for message in whole]
    packed = st.one_of(
        st.binary(max_size=60),
        _JSON.filter(lambda v: v == v).map(_packed),
        st.sampled_from(sound),
        *map(_mutated, sound),
    )
    framed = packed.map(lambda body: len(body).to_bytes(4, "little") + body)
    return st.lists(framed | st.binary(max_size=12), max_size=5).map(b"".join)


def _packed(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, msgspec.MsgspecError, UnicodeEncodeError):
        return b"\xc0"


def _settings() -> st.SearchStrategy[bytes]:
    """Settings files with known keys and values of any type."""
    scalar = st.booleans() | st.integers() | st.floats() | TEXTS | st.dates() | st.lists(st.integers(), max_size=3)
    return st.dictionaries(st.sampled_from(known_keys()), scalar, max_size=5).map(_toml)


def _toml(values: dict[str, object]) -> bytes:
    document = tomlkit.document()
    for key, value in values.items():
        section, _, name = key.partition(".")
        document.setdefault(section, tomlkit.table())[name] = value
    return _encoded(tomlkit.dumps(document))


_SUFFIXES = sorted({suffix for suffix in LOADERS if suffix in (
    ".txt", ".md", ".rst", ".html", ".pdf", ".docx", ".csv", ".json", ".jsonl", ".eml", ".vtt", ".srt", ".py",
)})  # fmt: skip
_OBJECTS = st.dictionaries(_KEYS, _JSON).map(_dumped)
_LINES = st.lists(
    st.sampled_from([_LINE, _RANKING]) | _mutated(_LINE) | _mutated(_RANKING) | _OBJECTS,
    max_size=5,
).map(b"\n".join)  # fmt: skip

_BYTES = st.binary(max_size=300) | TEXTS.map(_encoded) | _JSON.map(_dumped)
_WIDE = TEXTS.map(lambda text: text.encode("utf-16", "ignore"))

PROPERTIES: dict[str, tuple[Callable[..., None], dict[str, st.SearchStrategy[object]]]] = {
    "dialogue": (dialogue, {"text": TEXTS}),
    "dialogue file": (dialogue_file, {"content": _BYTES | _WIDE}),
    **{
        f"loader {suffix}": (
            loader,
            {"suffix": st.just(suffix), "content": _BYTES | _mutated(sample(suffix))},
        )
        for suffix in _SUFFIXES
    },
    "import file": (import_file, {"content": _LINES | st.binary(max_size=200)}),
    "settings file": (settings_file, {"content": _mutated(_TOML) | _settings() | st.binary(max_size=100)}),
    "settings environment": (
        settings_environment,
        {"name": st.sampled_from(known_keys()) | st.just("generation.top"), "value": st.text(max_size=30)},
    ),
    "worker protocol": (protocol, {"content": _messages()}),
    "terminal": (terminal, {"text": TEXTS}),
    "archive": (archive, {"content": _mutated(_zip()) | _NAMES.map(_named) | st.binary(max_size=200)}),
    "own wordings": (own_wordings, {"content": _mutated(_OWN) | st.binary(max_size=100)}),
    "model folder": (
        model_folder,
        {"config": _mutated(_CONFIG), "tokenizer": _mutated(_TOKENIZER), "weights": _mutated(_WEIGHTS)},
    ),
}  # fmt: skip
