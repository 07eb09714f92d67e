"""Trains a larger pocket on a GPU within minutes: `python -m training.pocket.gpu prepare | train | export`.

`train` runs where the GPU is: it needs nothing but Python, torch, numpy and safetensors.
"""
