"""Training runs on disk, and what all stages share: jobs, data sets, checkpoints, versions, batches, processes."""
