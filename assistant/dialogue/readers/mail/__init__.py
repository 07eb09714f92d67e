"""Readers of e-mail: pasted threads, and message files as mail programs store them."""
