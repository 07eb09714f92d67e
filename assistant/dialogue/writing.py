"""Writes a dialogue as lines of `Speaker: text`, and renames its speakers."""

from collections.abc import Iterable, Mapping

import msgspec

from assistant.dialogue.turns import clean_name, clean_text, make_turn
from assistant.errors import UsageError
from assistant.records import Dialogue, Turn


def render_turns(dialogue: Dialogue) -> str:
    """Write one turn per line as `Speaker: text`. Parsing the result gives the same speakers and texts."""
    return write_turns(dialogue.turns)


def write_turns(turns: Iterable[Turn]) -> str:
    """Write one turn per line as `Speaker: text`, leaving out turns without text."""
    clean = (make_turn(turn.speaker, clean_text(turn.text)) for turn in turns)
    return "\n".join(f"{turn.speaker}: {turn.text}" for turn in clean if turn)


def rename(dialogue: Dialogue, names: Mapping[str, str]) -> Dialogue:
    """Rename speakers, by old name to new. Raises UsageError for a name that nobody has."""
    known = dialogue.speakers
    for old in names:
        if old not in known:
            raise UsageError(f"no speaker is called {old!r}; there are {', '.join(known)}")
    new = {old: clean_name(name) for old, name in names.items()}
    turns = tuple(msgspec.structs.replace(turn, speaker=new.get(turn.speaker, turn.speaker)) for turn in dialogue.turns)
    return msgspec.structs.replace(dialogue, turns=turns, has_speakers=dialogue.has_speakers or bool(names))


def parse_renames(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `OLD=NEW` arguments into a mapping. Raises UsageError for anything else."""
    names: dict[str, str] = {}
    for pair in pairs:
        old, sign, new = (part.strip() for part in pair.partition("="))
        if not (sign and old and new):
            raise UsageError(f"cannot rename by {pair!r}: write OLD=NEW, such as --rename '#Person1#=Ana'")
        if old in names:
            raise UsageError(f"{old!r} is renamed twice: to {names[old]!r} and {new!r}")
        names[old] = new
    return names
