"""Batch jobs that train and evaluate models."""
