"""Reads Rich Text Format with striprtf."""

import re

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.rows import add_table

_TITLE = re.compile(r"\{\\title ([^{}\\]*)\}")
_ROW = re.compile(r"(?:[^|\n]*\|){2,}\s*$")


def load_rtf(content: bytes) -> Document:
    """Read paragraphs, and tables row by row."""
    from striprtf.striprtf import rtf_to_text

    if not content.lstrip().startswith(b"{\\rtf"):
        raise DocumentUnreadable("damaged: not an RTF file")
    source = content.decode("cp1252", errors="replace")
    builder = TextBuilder()
    table: list[list[str]] = []
    tables = 0
    # The final empty line closes the last table.
    for line in [*rtf_to_text(source, errors="replace").splitlines(), ""]:
        if _ROW.match(line):
            table.append(line.rstrip().removesuffix("|").split("|"))
            continue
        if table:
            tables += 1
            add_table(builder, table, place=f"table {tables}, row {{}}")
            table = []
        builder.block(line)
    found = _TITLE.search(source)
    return builder.document(found[1] if found else "")
