"""PDF files: their glyphs, put back into lines, columns, tables and paragraphs."""

from knowledge.loaders.pdf.reading import load_pdf as load_pdf
