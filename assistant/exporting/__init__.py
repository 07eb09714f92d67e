"""Exports to-dos to other programs: as a checklist, as calendar tasks, as JSON."""

from assistant.exporting.todos import TODO_KINDS, TodoKind, kind_of, todos_as

__all__ = ["TODO_KINDS", "TodoKind", "kind_of", "todos_as"]
