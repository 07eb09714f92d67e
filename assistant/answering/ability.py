"""Whether the assistant's model can answer from a passage; the test is in `assistant.drafting.ability`."""

from assistant.conversation import Assistant
from assistant.drafting.ability import Ability as Ability
from assistant.drafting.ability import can_answer as _can_answer
from assistant.drafting.ability import count_right as count_right
from assistant.drafting.ability import known_ability as known_ability


def can_answer(assistant: Assistant) -> bool:
    """Whether the current or default model can answer from passages. The first time, it is loaded and tested."""
    model = assistant.loaded.model if assistant.loaded else assistant.choice()[0]
    known = known_ability(model)
    if known:
        return known.can_answer
    return _can_answer(assistant.engine, (assistant.loaded or assistant.load()).model)
