"""Reads PDF files: reconstructs lines, columns, tables and paragraphs from glyphs."""

from knowledge.loaders.pdf.reading import load_pdf as load_pdf
