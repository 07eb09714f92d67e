"""The models on this machine: what there is, which one answers, and whether its files are whole."""
