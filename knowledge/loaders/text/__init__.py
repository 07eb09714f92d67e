"""Loaders of text formats: prose, markup, code, records and transcripts."""
