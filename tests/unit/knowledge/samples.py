"""A document in every format, written for these tests. Each says when the harbour office of Lindmark opens."""

import io
import zlib

import docx

from tests.unit.knowledge import archived
from tests.unit.knowledge.facts import FACT as FACT
from tests.unit.knowledge.facts import OTHER as OTHER


def pdf(*pages: str, title: str = "Harbour rules") -> bytes:
    """A PDF with a line of text on each page. An empty text gives a page without text, like a scan."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        lines = [f"({line}) Tj 0 -14 Td" for line in text.split("\n") if line]
        stream = zlib.compress(f"BT /F1 12 Tf 72 720 Td {' '.join(lines)} ET".encode())
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(stream), stream))
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 3 0 R >> >> >>".encode())
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    objects.append(f"<< /Title ({title}) >>".encode())
    written = io.BytesIO(b"%PDF-1.4\n")
    written.seek(0, io.SEEK_END)
    places = []
    for number, body in enumerate(objects, 1):
        places.append(written.tell())
        written.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    table = written.tell()
    written.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    written.writelines(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    written.write(trailer % (len(objects) + 1, len(objects), table))
    return written.getvalue()


def word() -> bytes:
    """A Word file with headings and a table."""
    document = docx.Document()
    document.core_properties.title = "Harbour rules"
    document.add_heading("Opening hours", level=1)
    document.add_paragraph(FACT)
    document.add_heading("Mooring", level=2)
    document.add_paragraph(OTHER)
    table = document.add_table(rows=3, cols=2)
    for place, text in enumerate(("Berth", "Price", "A1", "30 kroner", "A2", "35 kroner")):
        table.cell(place // 2, place % 2).text = text
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


MARKDOWN = f"""# Harbour rules

## Opening hours

{FACT}

```
# no heading, but a comment
```

## Mooring

{OTHER}
"""

RST = f"""Harbour rules
=============

Opening hours
-------------

{FACT}

Mooring
-------

{OTHER}
"""

HTML = f"""<!doctype html><html><head><title>Harbour rules</title><style>p {{color: red}}</style></head><body>
<nav>Home | Contact</nav><h1>Harbour rules</h1><h2>Opening hours</h2><p>{FACT.replace("office", "<b>office</b>")}</p>
<script>alert("no text")</script><h2>Mooring</h2><ul><li>{OTHER}</li></ul><p hidden>Not to be seen.</p>
<table><tr><td>Berth</td><td>A1</td></tr></table></body></html>"""

MAIL = f"""From: Ada <ada@example.org>
To: Bo <bo@example.org>
Subject: Harbour rules
Date: Mon, 2 Mar 2026 09:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="edge"

--edge
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

{FACT.replace("half past", "half=20past")}

{OTHER}
--edge
Content-Type: text/plain; name="map.txt"
Content-Disposition: attachment; filename="map.txt"

secret map
--edge--
"""

VTT = f"""WEBVTT

NOTE a remark

1
00:00:01.000 --> 00:00:04.000
<v Ada>{FACT}

00:01:02.500 --> 00:01:05.000 align:start
<v Bo>{OTHER}
"""

SRT = f"""1
00:00:01,000 --> 00:00:04,000
{FACT}

2
00:01:02,500 --> 00:01:05,000
<i>{OTHER}</i>
"""

CODE = f'''class Harbour:
    """{FACT}"""

    def moor(self, length):
        # {OTHER}
        return "north" if length > 12 else "south"
'''

_POSTMARK = "From ada@example.org Mon Mar  2 09:00:00 2026\n"
_REPLY = """From: Bo <bo@example.org>
Subject: Re: Harbour rules
Date: Tue, 3 Mar 2026 09:00:00 +0100

The crane is out of order.
>From June on it works again.
"""

ORG = f"""#+TITLE: Harbour rules

* Opening hours :office:
{FACT}

** TODO Mooring
{OTHER}

| Room   | Low season | High season |
|--------+------------+-------------|
| Double | 70         | 95          |
"""

LATEX = rf"""\documentclass{{article}}
\title{{Harbour rules}}
\begin{{document}}
\maketitle
\section{{Opening hours}} % not to be seen
{FACT.replace("half past", "half~past")}

\subsection{{Mooring}}\label{{moor}}
{OTHER}
\begin{{tabular}}{{lrr}}
\hline
Room & Low season & High season \\ \hline
Double & 70 & 95 \\
\end{{tabular}}
\end{{document}}
"""

RTF = (
    r"{\rtf1\ansi{\info{\title Harbour rules}}\pard "
    + FACT.replace("office", r"{\b office}")
    + r"\par\pard "
    + OTHER
    + r"\par }"
)

_CELLS = (
    f'[{{"cell_type": "markdown", "source": ["# Opening hours\\n", "{FACT}"]}},'
    f' {{"cell_type": "code", "source": "print(rule)", "outputs": [{{"text": ["{OTHER}"]}}]}}]'
)
NOTEBOOK = f'{{"nbformat": 4, "cells": {_CELLS}}}'

_TEXT = f"Harbour rules\n\n{FACT}\n{OTHER}\n".encode()
_PAIRS = f'{{"hours": {{"office": "{FACT}"}}, "berths": ["A1", "A2"], "mooring": "{OTHER}"}}'
_CHAT = f"[02.03.26, 09:00] Ada: {FACT}\n[02.03.26, 09:01] Bo: {OTHER}\n".encode()

SAMPLES: dict[str, bytes] = {
    ".txt": _TEXT,
    ".text": _TEXT,
    ".log": _TEXT,
    ".chat": _CHAT,
    ".md": MARKDOWN.encode(),
    ".markdown": MARKDOWN.encode(),
    ".rst": RST.encode(),
    ".html": HTML.encode(),
    ".htm": HTML.encode(),
    ".xhtml": HTML.encode(),
    ".pdf": pdf(FACT, OTHER),
    ".docx": word(),
    ".csv": f"topic,rule\nhours,{FACT}\nmooring,{OTHER}\n".encode(),
    ".tsv": f"topic\trule\nhours\t{FACT}\nmooring\t{OTHER}\n".encode(),
    ".json": _PAIRS.encode(),
    ".jsonl": f"{_PAIRS}\n{_PAIRS}\n".encode(),
    ".ndjson": f"{_PAIRS}\n".encode(),
    ".eml": MAIL.encode(),
    ".mbox": f"{_POSTMARK}{MAIL}\n\nFrom bo Tue Mar  3 09:00:00 2026\n{_REPLY}".encode(),
    ".org": ORG.encode(),
    ".tex": LATEX.encode(),
    ".rtf": RTF.encode(),
    ".ipynb": NOTEBOOK.encode(),
    ".epub": archived.book(),
    ".odt": archived.open_text(),
    ".odp": archived.open_slides(),
    ".ods": archived.open_sheet(),
    ".pptx": archived.slides(),
    ".xlsx": archived.sheet(),
    ".xls": archived.old_sheet(),
    ".vtt": VTT.encode(),
    ".srt": SRT.encode(),
}


def sample(suffix: str) -> bytes:
    """The sample of a suffix; all source code shares one."""
    return SAMPLES.get(suffix, CODE.encode())
