"""Storage of documents: the catalog with passages and vectors, and copies of it."""
