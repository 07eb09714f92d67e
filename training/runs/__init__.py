"""Training runs on disk, and what all stages share: jobs, data, checkpoints, versions, processes."""
