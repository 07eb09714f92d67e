"""Reads spreadsheets (.xlsx, .xls and .ods) with calamine, sheet by sheet and row by row. Formulas give the value
stored with them; nothing is computed and no macro is read.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.archives import check_sheet
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.office import calamine
from knowledge.loaders.office.grids import check_grids
from knowledge.loaders.rows import add_table

_MOST_SECONDS = 120
_Sheets = list[tuple[str, list[list[str]]]]


def load_sheets(content: bytes) -> Document:
    """Read every sheet that is not hidden, with its name as the heading of its rows."""
    if not content.startswith(b"\xd0\xcf\x11\xe0"):
        check_sheet(content)
        check_grids(content)
    builder = TextBuilder()
    for name, rows in _read_apart(content):
        builder.heading(1, name)
        add_table(builder, rows, place=f"sheet {name.replace('{', '(').replace('}', ')')}, row {{}}")
    return builder.document()


def _read_apart(content: bytes) -> _Sheets:
    """Read the sheets in a child process, which a damaged file may end."""
    # -P: do not import from the program's folder.
    command = [sys.executable, "-P", str(Path(calamine.__file__))]
    try:
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=_MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DocumentUnreadable(f"takes longer than {_MOST_SECONDS // 60} minutes to read") from error
    if done.returncode == calamine.ENCRYPTED:
        raise DocumentUnreadable("encrypted: save a copy without its password")
    if done.returncode:
        raise DocumentUnreadable("damaged: not a complete spreadsheet file")
    return msgspec.json.decode(done.stdout, type=_Sheets)
