"""The user's documents: loading, chunking, indexing, finding. A leaf: knows documents, not dialogues, and imports
nothing of ours.
"""
