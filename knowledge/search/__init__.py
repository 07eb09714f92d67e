"""Finds passages: vectors and words, the index over them, and how sure a match is."""
