"""Torch-free judgement of a text, for serving and training alike. Knows no prompt, no model and no store."""
