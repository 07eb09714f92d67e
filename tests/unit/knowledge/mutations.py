"""Damage files at random, in the same way on every machine: change bytes; lose, repeat, replace or cut off parts."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any


def mutated(content: bytes, seed: str) -> bytes:
    """The content with one to three kinds of damage. In an archive mostly the parts are damaged, so that it still
    opens.
    """
    chance = random.Random(seed)
    if content.startswith(b"PK") and chance.random() < 0.85:
        return _with_mutated_parts(content, chance)
    if content[:1] in b"{[" and chance.random() < 0.5:
        return _with_exchanged_values(content, chance)
    return _harmed(content, chance)


def _harmed(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(_HARMS)(content, chance)
    return content


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.randint(1, 200))


def _turn_bytes(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 20)):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _lose(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:end] + content[start:end] * chance.randint(1, 30) + content[end:]


def _exchange(content: bytes, chance: random.Random) -> bytes:
    """Replace a word, number or name by another of the file: well formed, but wrong."""
    words = sorted(set(content.replace(b'"', b" ").replace(b">", b" ").replace(b"<", b" ").replace(b"/", b" ").split()))
    if not words:
        return content
    return content.replace(chance.choice(words), chance.choice([*words, b"", b"-1", b"99999999999", b"\xff\xfe"]))


_HARMS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _turn_bytes, _cut_off, _lose, _repeat, _exchange, _exchange, _exchange,
)  # fmt: skip


def _with_mutated_parts(content: bytes, chance: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in chance.sample(sorted(parts), min(len(parts), chance.randint(1, 3))):
        if chance.random() < 0.2:
            del parts[name]
        else:
            parts[name] = _harmed(parts[name], chance)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return written.getvalue()


def _with_exchanged_values(content: bytes, chance: random.Random) -> bytes:
    """Valid JSON with values of unexpected types."""
    try:
        tree = json.loads(content)
    except ValueError:
        return _harmed(content, chance)
    for _ in range(chance.randint(1, 3)):
        tree = _exchanged(tree, chance)
    return json.dumps(tree).encode()


def _exchanged(tree: Any, chance: random.Random) -> Any:
    if chance.random() < 0.2 or not isinstance(tree, dict | list) or not tree:
        return chance.choice([None, True, -1, 1e300, "", "text", [], {}, [None], [[1]], {"source": 3}])
    key = chance.choice(list(tree)) if isinstance(tree, dict) else chance.randrange(len(tree))
    tree[key] = _exchanged(tree[key], chance)
    return tree
