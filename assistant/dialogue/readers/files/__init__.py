"""Readers of conversations in files: tables, web pages, Word files and archives."""
