"""Torch-free judgement of a text, for serving and training alike."""
