"""A separate program that reads a spreadsheet from its input and writes its sheets as JSON: [[name, rows], …], each row
a list of texts. calamine allocates a sheet before its size can be checked; a damaged file may end the process, or fill
all memory.

It is run by its path, so that it starts without the rest of the package, in 0.05 s.
"""

import contextlib
import datetime
import io
import json
import resource
import sys

MOST_MEMORY = 2 * 2**30
ENCRYPTED = 3
"""The exit code for a file with a password."""


def main() -> int:
    """Read, write, and return the exit code."""
    with contextlib.suppress(OSError, ValueError):  # not on every system
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    from python_calamine import PasswordError

    try:
        json.dump(_sheets(sys.stdin.buffer.read()), sys.stdout)
    except PasswordError:
        return ENCRYPTED
    return 0


def _sheets(content: bytes) -> list[tuple[str, list[list[str]]]]:
    """Return every sheet that is not hidden."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return [
        (facts.name, [[shown(value) for value in row] for row in sheet.to_python(skip_empty_area=False)])
        for facts in workbook.sheets_metadata
        if facts.visible == SheetVisibleEnum.Visible and facts.typ == SheetTypeEnum.WorkSheet
        for sheet in [workbook.get_sheet_by_name(facts.name)]
    ]


def shown(value: object) -> str:
    """Return a cell's value as text: whole numbers without a decimal point, dates and times as in ISO 8601."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.11g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M")
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
