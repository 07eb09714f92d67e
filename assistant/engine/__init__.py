"""Runs models in a child process: typed messages, two backends, conversion. Knows prompts as text and models as
folders.
"""

from assistant.engine.backends import BACKENDS

__all__ = ["BACKENDS"]
