"""Readers of JSON exports, one module per program."""
