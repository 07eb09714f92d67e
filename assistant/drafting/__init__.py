"""From a conversation and a way of asking to the drafts that are worth showing: prompts within the model's window,
texts to choose from, the choice. Serving and evaluation share it, so what is measured is what is served.

Stands above the engine, the prompts and the judgement of texts; knows no store and no screen.
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
