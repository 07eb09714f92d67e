"""The models on this machine: lists them, chooses one, checks their files, downloads and uploads."""
