"""Every prompt text, and how a dialogue becomes one. Knows no tokenizer, no embedder and no model."""

from assistant.prompts.modes import MODES, TASKS, PromptMode, Shot, TaskTemplates
from assistant.prompts.own import join_own, load_shots
from assistant.prompts.reading import conversation_in
from assistant.prompts.render import DialogueTooLong, render, split_reasoning, unknown_mode

__all__ = [
    "MODES",
    "TASKS",
    "DialogueTooLong",
    "PromptMode",
    "Shot",
    "TaskTemplates",
    "conversation_in",
    "join_own",
    "load_shots",
    "render",
    "split_reasoning",
    "unknown_mode",
]
