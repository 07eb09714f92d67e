"""Formats that are text on disk: prose, markup that is read as it is written, code, records and transcripts."""
