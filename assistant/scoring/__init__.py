"""Torch-free scoring of texts, for serving and training."""
