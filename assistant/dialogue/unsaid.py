"""What chat programs write that nobody said: notices, and what stands in the place of a picture or a deleted message.

English is known best; of other languages what WhatsApp puts under a person's name, since nothing else tells it from
speech. Knows lines, no format.
"""

import re

_MEDIA = (
    r"(?:image|photo|video|audio|sticker|gif|document|contact card|voice message|media"
    r"|bild|foto|videonotiz|dokument|kontaktkarte|medien|sprachnachricht"
    r"|imagen|documento|tarjeta de contacto|multimedia|immagine|cartão do contato|mídia|arquivo de mídia"
    r"|vidéo|carte de contact|médias|afbeelding|contactkaart)"
)
_LEFT_AWAY = (
    r"(?:omitted|weggelassen|ausgeschlossen|omitid[oa]s?|ocult[oa]s?|omess[aio]|esclus[aio]|omis(?:es?)?|absente?"
    r"|weggelaten)"
)
_DELETED = (
    r"this message was deleted|you deleted this message|diese nachricht wurde gelöscht|du hast diese nachricht gelöscht"
    r"|se eliminó este mensaje|eliminaste este mensaje|este mensaje fue eliminado|ce message a été supprimé"
    r"|vous avez supprimé ce message|questo messaggio è stato eliminato|hai eliminato questo messaggio"
    r"|mensagem apagada|essa mensagem foi apagada|você apagou esta mensagem|dit bericht is verwijderd"
    r"|je hebt dit bericht verwijderd"
)
_ENCRYPTED = (
    r"messages and calls are end-to-end encrypted|messages to this (?:chat|group) .*end-to-end encryption"
    r"|nachrichten und anrufe sind ende-zu-ende-verschlüsselt|los mensajes y las llamadas están cifrados"
    r"|les messages et les appels sont chiffrés|i messaggi e le chiamate sono crittografati"
    r"|as mensagens e (?:as )?(?:chamadas|ligações) são protegidas|berichten en oproepen zijn end-to-end"
)
# In the place of a message, whoever the message is from.
_PLACEHOLDER = re.compile(
    rf"(?:{_ENCRYPTED}).*|<{_MEDIA} {_LEFT_AWAY}>|{_MEDIA} {_LEFT_AWAY}|<[^<>]{{2,60}} {_LEFT_AWAY}>|<attached: .*>"
    rf"|(?:{_DELETED})\.?|missed (?:group )?(?:voice|video) call.{{0,60}}|null|waiting for this message.{{0,60}}"
    r"|(?:has )?(?:joined|left) (?:the (?:group|channel|meeting|conversation)|#\S+)\.?"
    r"|(?:has )?(?:joined|left) #?[\w-]+ along with .{1,80}"
    r"|set the channel (?:topic|description|purpose).{0,200}|\d+ (?:reply|replies)|last reply .{0,40}|view thread"
    r"|:[\w+-]+:(?:\s?\d+)?|(?:like|heart|laugh|surprised|sad|angry) \d{1,3}|\(edited\)|(?-i:New|Edited)|transcribed by https://\S+",
    re.IGNORECASE,
)
# What a program tells about people: told apart from speech only where no speaker stands before it.
_EVENT = re.compile(
    r"[^:]{1,60} (?:(?:joined|left)(?: .{1,80})?|(?:added|removed|invited) .{1,80}"
    r"|created (?:this )?(?:group|channel)\b.{0,120}|changed (?:the|this|their|to) .{1,160}|pinned a message.{0,120})",
    re.IGNORECASE,
)
# Behind what somebody said.
_EDITED = re.compile(
    r"\s*(?:\(edited\)|<this message was edited>|<diese nachricht wurde bearbeitet\.?>)$", re.IGNORECASE
)
_REACTION = re.compile(r":[\w+-]+:")
_LONGEST = 300


def is_placeholder(line: str) -> bool:
    """Whether a program wrote the line in the place of a message, or below it."""
    return len(line) <= _LONGEST and _PLACEHOLDER.fullmatch(line) is not None


def is_event(words: str) -> bool:
    """Whether the words before any colon tell what somebody did in the program: "Ana added Ben"."""
    return _EVENT.fullmatch(words) is not None


def is_count(line: str, before: str) -> bool:
    """Whether the line is the number of people who gave the reaction on the line before it."""
    return line.isdigit() and len(line) <= 3 and _REACTION.fullmatch(before) is not None


def without_mark(line: str) -> str:
    """The line without the program's remark that it was edited."""
    return _EDITED.sub("", line)
