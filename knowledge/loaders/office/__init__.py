"""Loaders of office documents: Word, spreadsheets, slides, OpenDocument and RTF."""
