"""Answers quoted from the documents."""
