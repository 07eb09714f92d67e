"""Turns a conversation into prompts: one if it fits the model's window, else one per part."""

import msgspec

from assistant.dialogue import render_turns, split
from assistant.drafting.nearest import nearest_shots
from assistant.engine.tokens import token_counter
from assistant.prompts import MODES, DialogueTooLong, load_shots, render, show
from assistant.records import Ask, Dialogue, ModelVersion, Prompt, Record


class PartPrompt(Record, frozen=True):
    """A prompt and the part of the conversation in it: `source` as text, its turns from `start` to `end`."""

    prompt: Prompt
    source: str
    start: int
    end: int


def write_prompts(dialogue: Dialogue, ask: Ask, model: ModelVersion) -> list[PartPrompt]:
    """Return the exact prompts, each within the model's window, that together contain every turn."""
    whole = render_turns(dialogue)
    try:
        prompt = _render(whole, ask, model)
        return [PartPrompt(prompt=prompt, source=whole, start=0, end=len(dialogue.turns))]
    except DialogueTooLong:
        # Shots are dropped before a conversation is split: a part may fill all the room the bare instruction leaves.
        instruction = _render("", msgspec.structs.replace(ask, mode=_without_shots(ask.mode)), model)
        parts = split(dialogue, model.window - instruction.tokens, token_counter(model.folder))
        return [
            PartPrompt(prompt=_render(part.text, ask, model), source=part.text, start=part.start, end=part.end)
            for part in parts
        ]


def _render(dialogue: str, ask: Ask, model: ModelVersion) -> Prompt:
    count = token_counter(model.folder)
    prompt = render(
        dialogue,
        mode=ask.mode,
        task=ask.task,
        phrasing=ask.phrasing,
        request=ask.request,
        wish=ask.wish,
        shots=nearest_shots(load_shots(), dialogue, ask.mode, ask.task),
        budget=model.window,
        count_tokens=lambda prompt: count(show(prompt, model.speaker_tags).text),
    )
    return msgspec.structs.replace(prompt, speakers=show(prompt.text, model.speaker_tags).names)


def _without_shots(mode: str) -> str:
    return mode if MODES[mode].reasoning else "zero-shot"
