"""Turns a conversation and a request into drafts: builds prompts within the model's window, generates texts, and
chooses among them. Serving and evaluation share this code, so what is measured is what is served.

Depends on the engine, the prompts and the scoring of texts, not on the store or the screen.
"""

from assistant.drafting.asking import PartPrompt, write_prompts
from assistant.drafting.drawing import Drawn, can_stream, draw, draw_stream
from assistant.drafting.limits import aim
from assistant.drafting.refining import STYLES, refine

__all__ = [
    "STYLES",
    "Drawn",
    "PartPrompt",
    "aim",
    "can_stream",
    "draw",
    "draw_stream",
    "refine",
    "write_prompts",
]
