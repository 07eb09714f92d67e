"""Reads conversations in XML: TTML captions, SMS Backup & Restore, Adium, MSN Messenger."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from assistant.dialogue.readers.captions import join_sentences
from assistant.dialogue.readers.exports.values import seconds_of
from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, only_one, reading_of
from assistant.dialogue.turns import NARRATOR, Reading, make_turn
from assistant.errors import InputUnreadable

_ROOT = re.compile(
    r"\s*+(?P<declared><\?xml[^>]*>)?(?>\s|<!--.*?-->|<\?[^>]*>)*+<(?:!DOCTYPE|(?:\w+:)?(?P<root>\w+))\b", re.DOTALL
)
"""The groups are atomic: otherwise each comment, which may also end later, would double the matching time."""
_SURROGATES = re.compile(r"&#(5[5-6]\d{3});&#(5[6-7]\d{3});")
"""An emoji as two surrogates, which SMS Backup & Restore writes and XML does not allow."""
_OWN = frozenset(("2", "4", "5", "6"))
"""The types of messages by the owner of the phone: sent, or still to be sent."""


def read_markup(text: str) -> Reading | None:
    """Read an XML file of a known kind; None for any other text.

    Raises InputUnreadable for damaged XML, XML that declares entities, and messages with several people.
    """
    match = _ROOT.match(text)
    if not match or match["root"] == "html" or not (match["declared"] or match["root"] in _READERS):
        return None
    if not match["root"]:
        raise InputUnreadable("its XML declares a document type: refused, as its entities may expand without end")
    if match["root"] not in _READERS:
        raise InputUnreadable(f"this XML holds no messages that Parley knows: its root is <{match['root']}>")
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    whole = _SURROGATES.sub(_character, text).strip().encode()
    try:
        root = etree.fromstring(re.sub(rb"^<\?xml[^>]*>", b"", whole), parser)
    except etree.XMLSyntaxError as error:
        raise InputUnreadable(f"damaged: its XML breaks off in line {error.lineno or 1}") from error
    return _READERS[match["root"]](root)


def _read_ttml(root: Any) -> Reading | None:
    agents = {
        _attribute(agent, "id"): " ".join("".join(agent.itertext()).split())
        for agent in root.iter("{*}agent")
        if len(agent)
    }
    turns = []
    speaker = NARRATOR
    for cue in root.iter("{*}p"):
        for line_break in cue.iter("{*}br"):
            line_break.tail = f" {line_break.tail or ''}"
        agent = _attribute(cue, "agent")
        speaker = agents.get(agent, agent) or speaker
        if turn := make_turn(speaker, "".join(cue.itertext()), _attribute(cue, "begin")):
            turns.append(turn)
    return Reading(turns=tuple(join_sentences(turns)), label="TTML") if turns else None


def _read_sms(root: Any) -> Reading | None:
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for row in root.iter("sms", "mms"):
        name = row.get("contact_name", "")
        other = row.get("address", "") if name in ("", "(Unknown)", "null") else name
        others[other] += 1
        said = row.get("body") if row.tag == "sms" else "\n".join(_texts(row))
        if not said or said == "null":
            left_out[MEDIA] += 1
            continue
        speaker = "Me" if row.get("type" if row.tag == "sms" else "msg_box") in _OWN else other
        moment = row.get("date", "")
        order = seconds_of(moment) if moment.isdecimal() else None
        messages.append(Message(speaker=speaker, text=said, time=row.get("readable_date") or moment, order=order))
    only_one([name for name, _ in others.most_common()])
    return reading_of(messages, left_out, "SMS Backup & Restore")


def _read_adium(root: Any) -> Reading | None:
    found = [
        _timed_message(row.get("alias") or row.get("sender", ""), "".join(row.itertext()), row.get("time", ""))
        for row in root.iter("{*}message")
    ]
    return reading_of(found, {NOTICES: sum(1 for _ in root.iter("{*}event", "{*}status"))}, "Adium")


def _read_msn(root: Any) -> Reading | None:
    found = []
    for row in root.iter("Message"):
        user, said = row.find("From/User"), row.find("Text")
        if user is not None and said is not None:
            found.append(_timed_message(user.get("FriendlyName", ""), said.text or "", row.get("DateTime", "")))
    return reading_of(found, {}, "MSN Messenger")


def _timed_message(speaker: str, said: str, time: str) -> Message:
    return Message(speaker=speaker, text=said, time=time, order=seconds_of(time))


def _texts(row: Any) -> list[str]:
    return [part.get("text", "") for part in row.iter("part") if part.get("ct") == "text/plain"]


def _attribute(node: Any, name: str) -> str:
    """Return an attribute by its local name, in any namespace."""
    return next((value for key, value in node.attrib.items() if key.rpartition("}")[2] == name), "")


def _character(match: re.Match[str]) -> str:
    high, low = int(match[1]), int(match[2])
    is_pair = 0xD800 <= high < 0xDC00 <= low < 0xE000
    return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00) if is_pair else ""


_READERS: dict[str, Callable[[Any], Reading | None]] = {
    "tt": _read_ttml,
    "smses": _read_sms,
    "chat": _read_adium,
    "Log": _read_msn,
}
"""The readers by the name of the root element."""
