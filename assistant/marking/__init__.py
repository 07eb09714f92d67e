"""Marks on parts of digests, and the user's own weights learned from them."""

from assistant.marking.applying import put_right
from assistant.marking.numbers import day_of, numbers_of, todo_numbers
from assistant.marking.weights import Taste, own_weights, taste_of

__all__ = ["Taste", "day_of", "numbers_of", "own_weights", "put_right", "taste_of", "todo_numbers"]
