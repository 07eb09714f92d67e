"""Answers a question about a conversation by quoting the most similar turns, for models too small to answer in their
own words.
"""

from assistant.dialogue import render_turns
from assistant.records import Dialogue
from assistant.scoring.faithfulness.attribution import attribute

NOTHING = "No turn of the conversation speaks of it."
_MOST = 2


def quote_turns(question: str, dialogue: Dialogue) -> str:
    """Return the turns most similar to the question; a quoted question is followed by the next turn, its answer.

    NOTHING if no turn is similar.
    """
    grounds = attribute(" ".join(question.split()), dialogue)
    turns = dialogue.turns
    chosen = sorted({turn for ground in grounds for turn in ground.turns[:_MOST]})
    answers = {place + 1 for place in chosen if turns[place].text.rstrip().endswith("?") and place + 1 < len(turns)}
    places = sorted({*chosen, *answers})
    if not places:
        return NOTHING
    return render_turns(Dialogue(turns=tuple(turns[place] for place in places), format=dialogue.format))
