"""The user's documents: loading, chunking, indexing, searching. Independent of the other packages: it knows documents,
not dialogues.
"""
