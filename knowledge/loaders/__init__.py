"""What reads a file as a document: `LOADERS` maps a suffix to a function from bytes. Knows no folders and no database.

A new format is one function and one line in the table. Parsers are imported by the loaders that call them: a search
needs none.
"""

from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.markup import load_html, load_mail
from knowledge.loaders.office import load_docx, load_pdf
from knowledge.loaders.plain import load_code, load_markdown, load_rst, load_text
from knowledge.loaders.subtitles import load_subtitles
from knowledge.loaders.tables import load_csv, load_json, load_json_lines

Loader = Callable[[bytes], Document]

_CODE = (
    ".py .pyi .js .mjs .ts .tsx .jsx .java .kt .scala .c .h .cc .cpp .hpp .cs .go .rs .rb .php .swift .lua .pl .r .jl"
    " .sh .bash .zsh .ps1 .sql .toml .yaml .yml .ini .cfg .tex .css .xml"
)

LOADERS: Mapping[str, Loader] = MappingProxyType(
    {
        ".txt": load_text,
        ".text": load_text,
        ".log": load_text,
        ".chat": load_text,
        ".md": load_markdown,
        ".markdown": load_markdown,
        ".rst": load_rst,
        ".html": load_html,
        ".htm": load_html,
        ".xhtml": load_html,
        ".pdf": load_pdf,
        ".docx": load_docx,
        ".csv": load_csv,
        ".tsv": load_csv,
        ".json": load_json,
        ".jsonl": load_json_lines,
        ".ndjson": load_json_lines,
        ".eml": load_mail,
        ".vtt": load_subtitles,
        ".srt": load_subtitles,
        **dict.fromkeys(_CODE.split(), load_code),
    }
)


def load(name: str, content: bytes) -> Document:
    """Read the content by the suffix of its name. Raises DocumentUnreadable with the reason."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in LOADERS:
        raise DocumentUnreadable(f"no reader for {suffix or 'files without a suffix'}")
    if not content.strip():
        raise DocumentUnreadable("empty")
    try:
        document = LOADERS[suffix](content)
    except DocumentUnreadable:
        raise
    except Exception as error:  # a hostile or damaged file may break its parser in any way at all
        raise DocumentUnreadable(f"damaged: {type(error).__name__} while reading it") from error
    if not any(map(str.isalnum, document.text)):
        raise DocumentUnreadable("no text in it")
    return document
