"""`assistant --plain`: the app line by line, for screen readers and simple terminals.

Nothing is coloured, drawn over or erased: every printed line says something and stays.
"""

from assistant.cli.plain.session import read_order
from assistant.cli.plain.talking import talk

__all__ = ["read_order", "talk"]
