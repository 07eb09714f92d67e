"""All prompt texts, and rendering of dialogues into prompts."""

from assistant.prompts.modes import MODES, TASKS, PromptMode, Shot, TaskTemplates
from assistant.prompts.own import join_own, load_shots
from assistant.prompts.reading import conversation_in
from assistant.prompts.render import DialogueTooLong, render, split_reasoning, unknown_mode
from assistant.prompts.speakers import Restoring, Shown, explain, hide, restore, show, show_turns

__all__ = [
    "MODES",
    "TASKS",
    "DialogueTooLong",
    "PromptMode",
    "Restoring",
    "Shot",
    "Shown",
    "TaskTemplates",
    "conversation_in",
    "explain",
    "hide",
    "join_own",
    "load_shots",
    "render",
    "restore",
    "show",
    "show_turns",
    "split_reasoning",
    "unknown_mode",
]
