"""Preference learning without a reward model and without sampling: `assistant-train prefer`."""
