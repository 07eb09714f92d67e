"""Trains a larger pocket on a GPU within minutes: `python -m training.pocket.gpu prepare | train | export`.

`train` runs on the machine with the GPU. It needs only Python, torch, numpy and safetensors.
"""
