"""`assistant --plain`: what the app does, line by line, for screen readers and terminals that cannot draw. Nothing is
coloured, drawn over or taken back: every line that is printed says something and stays.
"""

from assistant.cli.plain.session import read_order
from assistant.cli.plain.talking import talk

__all__ = ["read_order", "talk"]
