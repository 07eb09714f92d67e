"""Removes names, e-mail addresses and phone numbers from texts to be shared. Pure.

Names are those of the speakers in the prompt, and their parts; they become Person1, Person2 … in all texts of that
prompt. People who are only mentioned are not recognized: review what you share.
"""

import re

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Seven digits or more, with the usual separators; ISO dates are no phone numbers.
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d(?!\d))\+?\(?\d(?:[ ()./-]{0,2}\d){6,14}(?!\w)")
_SPEAKER = re.compile(r"^[ \t]*([^\W\d_][\w.'’ -]{0,40}?)[ \t]*(?:\([^)\n]*\))?:[ \t]+\S", re.MULTILINE)
# Words before a colon in prompts that are no speakers.
_LABELS = {"answer", "conversation", "dialogue", "dialog", "example", "instruction", "question", "summary", "summarize"}
_LABELS |= {"topic", "actions", "passage", "document", "reasoning", "note", "input", "output", "text", "context"}


class Redaction:
    """Redacts the texts that belong to one prompt."""

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
        """Return the text without names, addresses and phone numbers."""
        text = _PHONE.sub("[phone]", _MAIL.sub("[email]", text))
        if self._names is None:
            return text
        return self._names.sub(lambda match: self._replacements[match.group()], text)
