"""Spreadsheets through calamine: .xlsx, .xls and .ods, sheet by sheet and row by row. Formulas give the
value that was stored with them; nothing is computed and no macro is read.
"""

import datetime
import io

from knowledge.documents import Document
from knowledge.errors import DocumentUnreadable
from knowledge.loaders.archives import check_sheet
from knowledge.loaders.building import TextBuilder
from knowledge.loaders.office.grids import check_grids
from knowledge.loaders.rows import add_table


def load_sheets(content: bytes) -> Document:
    """Every sheet that is not hidden; its name is the heading of its rows."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum, ZipError

    is_old = content.startswith(b"\xd0\xcf\x11\xe0")
    if not is_old:
        check_sheet(content)
        check_grids(content)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except ZipError as error:
        raise DocumentUnreadable("damaged: not a complete spreadsheet file") from error
    builder = TextBuilder()
    for facts in workbook.sheets_metadata:
        if facts.visible != SheetVisibleEnum.Visible or facts.typ != SheetTypeEnum.WorkSheet:
            continue
        sheet = workbook.get_sheet_by_name(facts.name)
        builder.heading(1, facts.name)
        rows = [[shown(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
        add_table(builder, rows, place=f"sheet {facts.name.replace('{', '(').replace('}', ')')}, row {{}}")
    return builder.document()


def shown(value: object) -> str:
    """A cell's value as text: whole numbers without a decimal point, dates and times as ISO 8601 has them."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.11g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, datetime.time):
        return value.strftime("%H:%M")
    return str(value)
