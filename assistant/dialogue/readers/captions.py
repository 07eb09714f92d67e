"""Reads captions (WebVTT, SubRip, SBV, ASS): timed cues, with voices if the file names them."""

import html
import re
from collections.abc import Sequence
from typing import NamedTuple

from assistant.dialogue.readers.messages import SOUNDS
from assistant.dialogue.turns import NARRATOR, Reading, fold, is_name, looks_like_name, make_turn, split_head
from assistant.records import Turn

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
_TIMING = re.compile(rf"\s*({_CLOCK})(?:\s*-->\s*{_CLOCK}|,{_CLOCK}\s*$)")
# Transcripts that Teams saves as documents: "0:0:3.12 --> 0:0:4.5", then the name on a line by itself.
_UNPADDED = re.compile(r"\s*\d:\d{1,2}:\d{1,2}\.")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,100})?\s{1,10}([^>]{1,200})>")
_ASS_STYLE = re.compile(r"\{[^{}]{0,400}\}")
_ASS_CODE = re.compile(r"\\[Nnh]")
_WEBEX = re.compile(r"\d+\s+\"(?P<name>[^\"]{1,80})\"\s+\(\d+\)")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>")
_DASH = re.compile(r"(?:[-–—‐]|>>)\s*(?=\S)")
_SOUND = re.compile(r"\s*(?:-\s*)?(?:\[[^\]]{1,60}\]|\([^)]{1,60}\)|[♪♫][^♪♫]*[♪♫]?|#[^#]*#|\*[^*]*\*|[*#]+)\s*")
_BLOCK_END = re.compile(r"\n(?:[^\S\n]*\n)+")
_UNSPOKEN = re.compile(r"(?:NOTE|STYLE|REGION)(?=\s|$)")
"""The start of a WebVTT block that is no cue."""
_DIARIZED = re.compile(r"\[((?:SPEAKER|Speaker)[ _]?\w{1,4})\]:?\s*(.*)")
_SENTENCE_END = re.compile(r"[.?!…][\"'”’)]*$")


def read_webvtt(text: str) -> Reading | None:
    """Read a file that starts with WEBVTT; `<v Name>` names the speaker."""
    return _read_cues(text) if text.lstrip().startswith("WEBVTT") else None


def read_srt(text: str) -> Reading | None:
    """Read numbered cues. The speaker is known only if a line says `Name: text`, or the name has a line to itself."""
    opening = [line for line in text.lstrip()[:400].split("\n") if line.strip()][:2]
    return _read_cues(text) if any(_TIMING.match(line) for line in opening) else None


def read_ass(text: str) -> Reading | None:
    """Read Advanced SubStation Alpha: a section [Events] whose header line names the columns, "Name" among them."""
    if not text.lstrip().startswith("[Script Info]"):
        return None
    events = text.partition("[Events]")[2].split("\n")
    columns = next((_cells(line) for line in events if line.startswith("Format:")), [])
    if not {"Start", "Name", "Text"} <= set(columns):
        return None
    turns: list[Turn] = []
    for line in events:
        if line.startswith("Dialogue:"):
            row = dict(zip(columns, _cells(line, len(columns) - 1), strict=False))
            said = _ASS_CODE.sub(" ", _ASS_STYLE.sub("", row.get("Text", "")))
            if turn := make_turn(row.get("Name") or NARRATOR, said, row.get("Start", "")):
                turns.append(turn)
    return Reading(turns=tuple(join_sentences(turns)), label="ASS") if turns else None


def _cells(line: str, most: int = -1) -> list[str]:
    return [cell.strip() for cell in line.partition(":")[2].split(",", most)]


def _read_cues(text: str) -> Reading | None:
    """Read the turns of all cues. A sentence that runs over several cues of one voice becomes one turn; a cue without a
    name continues the speaker before it.
    """
    turns: list[Turn] = []
    sounds = 0
    speaker = NARRATOR
    for cue in _cues(text):
        spoken = [line for line in cue.lines if not _SOUND.fullmatch(_TAG.sub("", line))]
        sounds += len(cue.lines) - len(spoken)
        if voice := _WEBEX.fullmatch(cue.above.strip()):
            speaker = voice["name"]
        for name, said in _voices(spoken, named=_UNPADDED.match(cue.timing[0]) is not None):
            speaker = name or speaker
            if turn := make_turn(speaker, said, cue.timing[1]):
                turns.append(turn)
    joined = tuple(join_sentences(turns))
    return Reading(turns=joined, left_out=sounds, kinds={SOUNDS: sounds} if sounds else {}) if turns else None


class _Cue(NamedTuple):
    timing: re.Match[str]
    above: str
    lines: list[str]


def _cues(text: str) -> list[_Cue]:
    """Return the cues, each with the line above its timing. A block without a timing continues the cue before it,
    except for notes, styles, and a number separated from its cue.
    """
    cues: list[_Cue] = []
    blocks = [block.split("\n") for block in _BLOCK_END.split(text.strip())]
    for lines, after in zip(blocks, [*blocks[1:], [""]], strict=True):
        timings = [_TIMING.match(line) for line in lines[:3]]
        at = next((place for place, timing in enumerate(timings) if timing), 0)
        if timing := timings[at]:
            cues.append(_Cue(timing, lines[at - 1] if at else "", lines[at + 1 :]))
        elif cues and not _UNSPOKEN.match(lines[0]):
            is_number = len(lines) == 1 and lines[0].strip().isdecimal() and _TIMING.match(after[0])
            cues[-1].lines.extend([] if is_number else lines)
    return cues


def _voices(lines: list[str], named: bool) -> list[tuple[str, str]]:
    """Return (speaker, text) pairs of one cue; the speaker is empty if the cue names none. If cues are `named`, a first
    line that looks like a name is one. Lines that start with a dash are from different speakers.
    """
    if named and len(lines) > 1 and is_name(lines[0]) and looks_like_name(lines[0]):
        return [(lines[0], " ".join(lines[1:]))]
    voices: list[tuple[str, str]] = []
    for line in lines:
        pieces = _VOICE.split(line)  # [before, name, text, name, text, ...]
        for name, piece in zip(["", *pieces[1::2]], pieces[::2], strict=True):
            said = html.unescape(_TAG.sub("", piece)).strip()
            dash = _DASH.match(said)
            is_dashed = dash is not None
            said = said[dash.end() :] if dash else said
            speaker, said = (html.unescape(name), said) if name else _named(said)
            if not (speaker or is_dashed) and voices:
                voices[-1] = (voices[-1][0], f"{voices[-1][1]} {said}")
            elif speaker or fold(said):
                voices.append((speaker, said))
    return voices


def _named(said: str) -> tuple[str, str]:
    """Return the name before a colon or, as in diarization output, in brackets, and the rest."""
    if match := _DIARIZED.match(said):
        return match[1], match[2]
    head = split_head(said)
    return (head.name, head.text) if head else ("", said)


def join_sentences(turns: Sequence[Turn]) -> list[Turn]:
    """Join consecutive turns of one speaker; if a narrator says everything, join up to the end of each sentence."""
    alone = all(turn.speaker == NARRATOR for turn in turns)
    joined: list[list[Turn]] = []
    for turn in turns:
        before = joined[-1][-1] if joined else None
        if before and before.speaker == turn.speaker and not (alone and _SENTENCE_END.search(before.text)):
            joined[-1].append(turn)
        else:
            joined.append([turn])
    return [
        Turn(speaker=group[0].speaker, text=" ".join(turn.text for turn in group), time=group[0].time)
        for group in joined
    ]
