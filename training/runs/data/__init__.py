"""Training data: read, converted, split, augmented and batched."""
