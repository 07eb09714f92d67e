"""Where documents are kept: the catalog with its passages and vectors, and copies of it."""
