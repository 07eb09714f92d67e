"""Patterns of times, amounts, names and places in a sentence."""

import re

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|avril|juin"
    "|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre"
    "|octubre|noviembre|diciembre"
)
_DAYS = (
    "(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?|lunes"
    "|martes|miércoles|jueves|viernes|sábados?|domingos?"
    "|(?:mon|tues?|wednes|thurs?|fri|satur|sun)days?|weekdays?|weekends?|today|tomorrow|midnight|noon|easter|christmas"
)
SMALL = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    "|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|dozen|quarter"
    "|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|zwölf|zwanzig|deux|trois|quatre|cinq|huit|neuf|douze|quinze"
    "|vingt|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|veinte"
)
_CLOCK = (
    rf"(?:half|a quarter|quarter|\w+ minutes?) (?:past|to) (?:{SMALL}|\d+)|\d{{1,2}}[:.]\d{{2}}(?: ?[ap]\.?m\.?)?"
    rf"|\d{{1,2}} ?[ap]\.?m\.?|(?:{SMALL}) o'clock|\d{{1,2}} (?:Uhr|h(?: \d{{2}})?)\b"
)
_DATE = (
    rf"\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}"
    rf"|(?:(?:{_DAYS}),? )?\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of| de)? (?:{_MONTHS})\b\.?,?(?: \d{{4}})?"
    rf"|(?:(?:{_DAYS}),? )?(?:{_MONTHS})\b\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?"
    rf"|(?:early |late |mid-)?(?:{_MONTHS})\b(?:,? (?:of )?\d{{4}})?"
)
_HOUR = (
    r"(?:(?<=at )|(?<=by ))(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d{1,2})"
    r"(?= (?:in|on|every|at|and|to)\b|[,.;!]|$)"
)
_AFTER = rf"(?:in|within|after) (?:{SMALL}|\d+) (?:minute|hour|day|week|month|year)s?"
STAMP = re.compile(r"\[?\d[\d/.-]{5,9}(?:,? |T)\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?\b")
"""The time at the start of a message's line, which is no part of what the message says."""
TIME = re.compile(
    rf"{_AFTER}\b|(?:(?:from|between|until|till|since|by|before|after|on|at|in) )?(?:the )?(?:{_DATE}|{_CLOCK}|{_HOUR}"
    rf"|(?:{_DAYS})\b|\d{{1,2}}(?:st|nd|rd|th)\b(?: century)?|(?:1\d|20)\d\d(?:s|[-–]\d{{2,4}})?\b)"
    rf"(?: (?:in the (?:morning|evening|afternoon)|at night))?"
    rf"(?: (?:and|to|until|till|-|–) (?:(?:1\d|20)\d\d|{_CLOCK}|(?:{_MONTHS})\b(?: \d+)?|(?:{_DAYS})\b))?",
    re.IGNORECASE,
)
_NUMBER = rf"(?:\d[\d.,]*\d|\d|\b(?:{SMALL})(?:[ -](?:and[ -])?(?:{SMALL}))*\b)"
_NO_UNIT = "is|are|was|were|of|and|in|to|or|for|at|by|from|on|per|a|has|have|will|must|may|with|the|but|if|when"
AMOUNT = re.compile(
    rf"(?:[€$£¥] ?|(?:EUR|USD|GBP|CHF) )?{_NUMBER}(?: ?(?:%|€|\$|£|percent|per cent))?"
    rf"(?:[ -](?:to|and|–|-)[ -]{_NUMBER})?(?: (?:{SMALL}))*"
    rf"(?:[ -](?!(?:{_NO_UNIT})\b)[^\W\d_]+)?(?: (?:a|per|an) [^\W\d_]+)?",
    re.IGNORECASE,
)
_NO_NAMES_LISTED = """
    only all every everybody everyone some most many after before here but because while since also however other each
    new please both either ask bring call see tenants
"""
NO_NAMES = frozenset(_NO_NAMES_LISTED.split())
"""Words capitalized at the start of a sentence that name nobody."""
NAME = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof)\.? )?[^\W\d_a-zà-ÿ][\w'’-]*"
    r"(?:(?: (?:de|van|von|der|of|the|and|bin|al))* [^\W\d_a-zà-ÿ][\w'’.-]*)*"
)
PLACE = re.compile(
    r"\b(?:in|at|on|near|behind|under|inside|outside|opposite|beside|next to|into|to|from|above|below|between|through)"
    r" (?:[\w'’&-]+ ?){1,7}"
)
STOPS = re.compile(
    r" (?:is|are|was|were|and|but|which|that|who|when|where|because|if|for|by|with|has|have|had|do|does|can|may|must|on"
    r"|at|in|from|to|until|every|before|after)\b"
)
