"""Answers in the words of the documents."""
