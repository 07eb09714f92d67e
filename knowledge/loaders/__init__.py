"""Loaders read files as documents: `LOADERS` maps a suffix to a function from bytes.

A new format is one function and one row in the table. Loaders import their parsers only when called, because a search
needs none.
"""

from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.office.opendocument import load_opendocument
from knowledge.loaders.office.rtf import load_rtf
from knowledge.loaders.office.sheets import load_sheets
from knowledge.loaders.office.slides import load_pptx
from knowledge.loaders.office.word import load_docx
from knowledge.loaders.pdf import load_pdf
from knowledge.loaders.text.latex import load_latex
from knowledge.loaders.text.notebook import load_notebook
from knowledge.loaders.text.plain import load_code, load_markdown, load_org, load_rst, load_text
from knowledge.loaders.text.records import load_csv, load_json, load_json_lines
from knowledge.loaders.text.subtitles import load_subtitles
from knowledge.loaders.web.epub import load_epub
from knowledge.loaders.web.html import load_html
from knowledge.loaders.web.mail import load_mail, load_mailbox

Loader = Callable[[bytes], Document]

_CODE = (
    ".py .pyi .js .mjs .ts .tsx .jsx .java .kt .scala .c .h .cc .cpp .hpp .cs .go .rs .rb .php .swift .lua .pl .r .jl"
    " .sh .bash .zsh .ps1 .sql .toml .yaml .yml .ini .cfg .css .xml"
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
        ".org": load_org,
        ".tex": load_latex,
        ".html": load_html,
        ".htm": load_html,
        ".xhtml": load_html,
        ".epub": load_epub,
        ".pdf": load_pdf,
        ".docx": load_docx,
        ".odt": load_opendocument,
        ".odp": load_opendocument,
        ".rtf": load_rtf,
        ".pptx": load_pptx,
        ".xlsx": load_sheets,
        ".xls": load_sheets,
        ".ods": load_sheets,
        ".csv": load_csv,
        ".tsv": load_csv,
        ".json": load_json,
        ".jsonl": load_json_lines,
        ".ndjson": load_json_lines,
        ".ipynb": load_notebook,
        ".eml": load_mail,
        ".mbox": load_mailbox,
        ".vtt": load_subtitles,
        ".srt": load_subtitles,
        **dict.fromkeys(_CODE.split(), load_code),
    }
)

PLAIN = frozenset(
    suffix for suffix, loader in LOADERS.items() if loader in {load_text, load_markdown, load_rst, load_org, load_code}
)
"""Suffixes of formats read without a parser that a file could break."""

_MAILDIR = frozenset({"cur", "new"})


def suffix_of(name: str) -> str:
    """Return the file's suffix, or ".eml" for a message in a Maildir, whose name has none."""
    path = PurePath(name)
    suffix = path.suffix.lower()
    if suffix not in LOADERS and path.parent.name in _MAILDIR and path.name[:1].isdigit():
        return ".eml"
    return suffix


def load(name: str, content: bytes) -> Document:
    """Read the content by the suffix of its name. Raises DocumentUnreadable with the reason."""
    suffix = suffix_of(name)
    if suffix not in LOADERS:
        raise DocumentUnreadable(f"no reader for {suffix or 'files without a suffix'}")
    if not content.strip():
        raise DocumentUnreadable("empty")
    try:
        document = LOADERS[suffix](content)
    except DocumentUnreadable:
        raise
    except MemoryError as error:
        raise DocumentUnreadable("takes too much memory to read: open it and save it anew") from error
    except Exception as error:  # a hostile or damaged file can make its parser raise anything
        raise DocumentUnreadable(f"damaged: not what a {suffix} file holds; open it and save it anew") from error
    if not any(map(str.isalnum, document.text)):
        raise DocumentUnreadable("no text in it")
    return document
