"""Reads LaTeX as it is printed: pylatexenc expands commands, tables become rows."""

import re

from knowledge.documents import Document
from knowledge.loaders.building import TextBuilder, decode
from knowledge.loaders.rows import add_table

_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?[ \t]*")
_PART = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?\s*(?:\[[^\]]*\])?\{((?:[^{}]|\{[^{}]*\})*)\}"
    r"|\\begin\{(tabular[x*]?|longtable)\}(.*?)\\end\{\3\}"
    r"|\\(?:item|caption)\b(?:\[([^\]]*)\])?",
    re.DOTALL,
)
_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_TITLE = re.compile(r"\\title\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_COLUMNS = re.compile(r"\s*(?:\[[^\]]*\])?(?:\{[^{}]*\})?\s*\{(?:[^{}]|\{[^{}]*\})*\}")
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})"
)
_UNSEEN = re.compile(
    r"\\(?:label|ref|eqref|cite\w*|pageref|bibliography\w*|index|input|include|includegraphics)\*?(?:\[[^\]]*\])*\{[^}]*\}"
    r"|\\(?:maketitle|tableofcontents|centering|noindent|newpage|clearpage)\b"
    r"|\\(?:begin|end)\{[^}]*\}(?:\[[^\]]*\])?"
)


def load_latex(content: bytes) -> Document:
    """Read the text between \\begin{document} and \\end{document}, or all of it, with its headings."""
    source = _COMMENT.sub("", decode(content))
    title = _TITLE.search(source)
    source = source.partition(r"\begin{document}")[2] or source
    source = source.partition(r"\end{document}")[0]
    builder = TextBuilder()
    if title:
        builder.heading(1, _printed(title[1]))
    tables, at = 0, 0
    label = ""
    for found in _PART.finditer(source):
        _add_paragraphs(builder, source[at : found.start()], label)
        at, label = found.end(), found[5] or ""
        if found[1]:
            builder.heading(_LEVELS[found[1]], _printed(found[2]))
        elif found[3]:
            tables += 1
            add_table(builder, _rows(found[4]), place=f"table {tables}, row {{}}")
    _add_paragraphs(builder, source[at:], label)
    return builder.document(_printed(title[1]) if title else "")


def _add_paragraphs(builder: TextBuilder, source: str, label: str) -> None:
    for number, paragraph in enumerate(re.split(r"\n[ \t]*\n", source)):
        text = _printed(_UNSEEN.sub(" ", paragraph))
        builder.block(f"{_printed(label)} {text}" if label and not number else text)


def _rows(body: str) -> list[list[str]]:
    body = _RULE.sub(" ", _COLUMNS.sub("", body, count=1))
    rows = re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline\b", body)
    return [[_printed(cell) for cell in re.split(r"(?<!\\)&", row)] for row in rows]


def _printed(source: str) -> str:
    from pylatexenc.latex2text import LatexNodes2Text

    text = LatexNodes2Text(math_mode="verbatim", strict_latex_spaces=True).latex_to_text(source, tolerant_parsing=True)
    return " ".join(text.split())
