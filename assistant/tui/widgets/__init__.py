"""Widgets, one per file, with their styles and keys."""
