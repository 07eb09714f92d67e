"""What is passed on to other programs: to-dos as a checklist, as tasks of a calendar, as JSON."""

from assistant.exporting.todos import TODO_KINDS, TodoKind, kind_of, todos_as

__all__ = ["TODO_KINDS", "TodoKind", "kind_of", "todos_as"]
