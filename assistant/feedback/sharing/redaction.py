"""Takes names, e-mail addresses and phone numbers out of texts that are given away. Pure.

Names are those of the people who speak in the prompt, each with its parts, and become Person1, Person2 … in all texts
of that prompt. People who are only spoken about are not recognized: read what you give away.
"""

import re

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Seven digits or more, with the usual separators; ISO dates are no telephone numbers.
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d(?!\d))\+?\(?\d(?:[ ()./-]{0,2}\d){6,14}(?!\w)")
_SPEAKER = re.compile(r"^[ \t]*([^\W\d_][\w.'’ -]{0,40}?)[ \t]*(?:\([^)\n]*\))?:[ \t]+\S", re.MULTILINE)
# Words before a colon that prompts are made of.
_LABELS = {"answer", "conversation", "dialogue", "dialog", "example", "instruction", "question", "summary", "summarize"}
_LABELS |= {"topic", "actions", "passage", "document", "reasoning", "note", "input", "output", "text", "context"}


class Redaction:
    """How the texts that belong to one prompt are redacted."""

    def __init__(self, prompt: str) -> None:
        speakers = dict.fromkeys(match.group(1) for match in _SPEAKER.finditer(prompt))
        people = [name for name in speakers if not set(name.lower().split()) & _LABELS]
        self._replacements: dict[str, str] = {}
        for number, name in enumerate(people, start=1):
            self._replacements[name] = f"Person{number}"
        for number, name in enumerate(people, start=1):
            for part in name.split():
                if len(part) > 1 and part[0].isupper():
                    self._replacements.setdefault(part, f"Person{number}")
        longest_first = sorted(self._replacements, key=len, reverse=True)
        names = "|".join(re.escape(name) for name in longest_first)
        self._names = re.compile(rf"(?<!\w)(?:{names})(?!\w)") if names else None

    def __call__(self, text: str) -> str:
        """The text without the names, addresses and numbers."""
        text = _PHONE.sub("[phone]", _MAIL.sub("[email]", text))
        if self._names is None:
            return text
        return self._names.sub(lambda match: self._replacements[match.group()], text)
