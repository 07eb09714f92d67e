"""Documents in archives, written for these tests: spreadsheets, slides, OpenDocument and e-books about the harbour."""

import io
import zipfile
from pathlib import Path

import pptx
import xlsxwriter

from tests.unit.knowledge.facts import FACT, OTHER

_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
)
_MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
RATES = [["Room", "Low season", "High season"], ["Single", "45", "60"], ["Double", "70", "95"]]


def zipped(parts: dict[str, str]) -> bytes:
    """A zip file of these parts."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # The type of the archive comes first, uncompressed.
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return written.getvalue()


def sheet() -> bytes:
    """A workbook: rules on one sheet, rates under a title on the other."""
    written = io.BytesIO()
    book = xlsxwriter.Workbook(written)
    rules = book.add_worksheet("Rules")
    for row, cells in enumerate([("topic", "subject", "rule"), ("hours", "office", FACT), ("mooring", "boats", OTHER)]):
        rules.write_row(row, 0, cells)
    rates = book.add_worksheet("Rooms")
    rates.write(0, 0, "Room rates 2026")
    for row, cells in enumerate(RATES, 2):
        rates.write_row(row, 0, [float(cell) if cell.isdigit() else cell for cell in cells])
    book.close()
    return written.getvalue()


def slides() -> bytes:
    """Two slides, the second with a table and a note."""
    deck = pptx.Presentation()
    for title, text in (("Opening hours", FACT), ("Mooring", OTHER)):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    inches = pptx.util.Inches
    table = slide.shapes.add_table(3, 3, inches(1), inches(5), inches(6), inches(1)).table
    for row, cells in enumerate(RATES):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    slide.notes_slide.notes_text_frame.text = "Say that the crane is out of order until June."
    written = io.BytesIO()
    deck.save(written)
    return written.getvalue()


def _odf(body: str, kind: str) -> bytes:
    content = f"<office:document-content {_ODF}><office:body>{body}</office:body></office:document-content>"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "META-INF/manifest.xml": _MANIFEST,
            "content.xml": content,
        }
    )


def open_text() -> bytes:
    """An OpenDocument text with a table and the mark of a footnote."""
    rows = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in RATES
    )
    return _odf(
        f'<office:text><text:h text:outline-level="1">Opening hours</text:h>'
        f"<text:p>{FACT.replace('office', '<text:span>office</text:span>')}</text:p>"
        f"<text:p>{OTHER.replace(' moor', '<text:s/>moor')}</text:p><table:table>{rows}</table:table></office:text>",
        "text",
    )


def open_slides() -> bytes:
    """An OpenDocument presentation of two slides."""
    pages = "".join(
        f"<draw:page><draw:frame><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame></draw:page>"
        for text in (FACT, OTHER)
    )
    return _odf(f"<office:presentation>{pages}</office:presentation>", "presentation")


def open_sheet() -> bytes:
    """An OpenDocument spreadsheet."""
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        )
        + "</table:table-row>"
        for row in [("topic", "subject", "rule"), ("hours", "office", FACT), ("mooring", "boats", OTHER)]
    )
    return _odf(
        f'<office:spreadsheet><table:table table:name="Rules">{rows}</table:table></office:spreadsheet>', "spreadsheet"
    )


def old_sheet() -> bytes:
    """A workbook in the format of 1997, written by LibreOffice."""
    return (Path(__file__).parents[2] / "fixtures" / "documents" / "harbour.xls").read_bytes()


def book() -> bytes:
    """An e-book of two chapters and a table of contents."""
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><h1>{}</h1><p>{}</p></body></html>'
    package = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>
<dc:title>Harbour rules</dc:title></metadata><manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/two.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
            "OPS/book.opf": package,
            "OPS/nav.xhtml": page.format("Contents", "Opening hours and mooring"),
            "OPS/text/one.xhtml": page.format("Opening hours", FACT),
            "OPS/text/two.xhtml": page.format("Mooring", OTHER),
        }
    )
