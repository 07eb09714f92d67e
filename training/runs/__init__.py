"""Training runs on disk, and what every stage shares: jobs, data sets, checkpoints, versions, batches, processes."""
