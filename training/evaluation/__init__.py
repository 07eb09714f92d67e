"""Metrics, suites and comparisons: `assistant-train evaluate` and `compare`."""
