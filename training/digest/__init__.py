"""Teaches the weights by which the digest chooses what it quotes, on conversations written for it."""
