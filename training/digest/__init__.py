"""Trains the weights that choose what the digest quotes."""
