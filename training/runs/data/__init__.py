"""Reads, converts, augments and batches training data."""
