"""Runs models in a child process: typed messages, two backends, conversion."""

from assistant.engine.backends import BACKENDS

__all__ = ["BACKENDS"]
