"""Searches passages by vectors and words, and estimates the confidence of a match."""
