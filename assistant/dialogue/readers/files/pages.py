"""Reads conversations in web pages: exports of Telegram and Meta, other pages by their visible text."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from assistant.dialogue.readers.messages import MEDIA, NOTICES, Message, reading_of
from assistant.dialogue.turns import Reading


def is_page(text: str) -> bool:
    """Whether the text is HTML."""
    head = text.lstrip("\ufeff \n\r\t")[:400].lower()
    if "w3.org/ns/ttml" in head:
        return False  # captions, which have a head and a body too
    if head.startswith(("<!doctype html", "<html")) or ("<head" in head and "<body" in text.lower()):
        return True
    return head.startswith(("<p>", "<p ", "<div", "<table", "<ul", "<body", "<article", "<section")) and "</" in head


def read_page(text: str, parse_text: Callable[[str], Reading | None]) -> Reading | None:
    """Read the messages of a page: Telegram's and Meta's by their elements, any other by `parse_text` of its visible
    text.
    """
    from bs4 import BeautifulSoup  # takes 100 ms to import

    soup = BeautifulSoup(text, "lxml")
    for gone in soup(["script", "style", "noscript", "template"]):
        gone.decompose()
    return _read_telegram(soup) or _read_meta(soup) or parse_text(_visible(soup))


def _read_telegram(soup: Any) -> Reading | None:
    messages: list[Message] = []
    left_out: Counter[str] = Counter()
    speaker = ""
    for block in soup.select("div.message"):
        classes = block.get("class") or []
        name = block.select_one(".from_name")
        speaker = _text(name).strip() if name and not name.find_parent(class_="forwarded") else speaker
        said = block.select_one(".text")
        if "service" in classes:
            left_out[NOTICES] += 1
        elif said is None:
            left_out[MEDIA] += 1
        elif speaker:
            time = block.select_one(".date")
            messages.append(
                Message(speaker=speaker, text=_text(said), time=str(time.get("title") or _text(time)) if time else "")
            )
    return reading_of(messages, left_out, "Telegram") if messages else None


def _read_meta(soup: Any) -> Reading | None:
    """Read Messenger's and Instagram's export: blocks with name, text and time, newest first."""
    blocks = soup.select("div.pam, div._a6-g")
    messages: list[Message] = []
    media = 0
    for block in blocks:
        name = block.select_one("h2, h3, ._a6-h")
        parts = [part for part in block.find_all(recursive=False) if part is not name and _text(part).strip()]
        if name is None or not parts:
            continue
        said = "\n".join(_text(part) for part in parts[:-1]).strip()
        media += not said
        messages.append(Message(speaker=_text(name), text=said, time=_text(parts[-1])))
    return reading_of(reversed(messages), {MEDIA: media}, "Messenger") if len(messages) > 1 else None


def _text(node: Any) -> str:
    for line_break in node.find_all("br"):
        line_break.replace_with("\n")
    return str(node.get_text())


def _visible(soup: Any) -> str:
    """Return the page's text, one line per block."""
    for line_break in soup.find_all("br"):
        line_break.replace_with("\n")
    for block in soup.find_all(
        ["p", "div", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "pre", "article", "section"]
    ):
        block.append("\n")
    lines = (" ".join(line.split()) for line in str(soup.get_text()).split("\n"))
    return "\n".join(line for line in lines if line)
