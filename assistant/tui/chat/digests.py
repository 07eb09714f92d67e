"""Actions on the parts of a digest: show the message behind a part, keep or drop it, correct a to-do, export the
to-dos.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.locations import config_dir
from assistant.records import Dialogue
from assistant.tui.chat.parts import ChatParts
from assistant.tui.choices import Offer
from assistant.tui.digests.fixing import FixScreen
from assistant.tui.digests.items import Item, mark_key, place_in
from assistant.tui.digests.message import MessageScreen
from assistant.tui.messages import NoticeGiven
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.workers.asking import marks_among

if TYPE_CHECKING:
    from assistant.digest import Digest, Todo
    from assistant.feedback.marks import Mark, Says
    from assistant.feedback.store import Store

_NO_PART = "Choose a part of the digest first: Shift+Tab to the answer, then Down."
_DONE = {"keep": "Kept", "drop": "Dropped"}
_FILES = (
    Offer(value="md", label="Checklist", about="Markdown, a box a line"),
    Offer(value="ics", label="Calendar", about="iCalendar tasks, with the days that were said"),
    Offer(value="json", label="JSON", about="for other programs"),
)


class Digests:
    """Actions on the chosen part of a digest, or on the digest of the chosen answer."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen

    def open_point(self) -> None:
        """Show the conversation at the message that the chosen part comes from."""
        view, list_ = self._parts.chosen(), self._parts.chosen_digest()
        if view is None or list_ is None or list_.item is None:
            self._screen.notify(_NO_PART)
            return
        dialogue, item = view.request.dialogue, list_.item
        if item.turn >= len(dialogue.turns):
            self._screen.notify("The conversation behind this digest is no longer in this chat.")
            return
        self._screen.app.push_screen(MessageScreen(dialogue, item.turn, place_in(dialogue, item)))

    def show_conversation(self) -> None:
        """Show or hide the conversation beside its answer. On a narrow terminal it covers the screen."""
        dialogue, list_ = self._parts.dialogue_in_view(), self._parts.chosen_digest()
        if self._parts.beside.is_open and self._parts.beside.display:
            self._parts.beside.close()
        elif dialogue is None:
            self._screen.notify("There is no conversation in view yet.")
        elif self._screen.has_class("-narrow"):
            item = list_.item if list_ is not None else None
            turn, span = (item.turn, place_in(dialogue, item)) if item is not None else (0, None)
            self._screen.app.push_screen(MessageScreen(dialogue, turn, span, is_whole=True))
        else:
            self._parts.panel.close()
            self._parts.beside.open(dialogue)
            if list_ is not None and list_.item is not None:
                self.point_at(list_.item)

    def point_at(self, item: Item) -> None:
        """Mark the part's place in the conversation pane, if that is open."""
        dialogue = self._parts.dialogue_in_view()
        if self._parts.beside.is_open and dialogue is not None and item.turn < len(dialogue.turns):
            self._parts.beside.point_at(item.turn, *place_in(dialogue, item))

    def mark(self, says: "Says") -> None:
        """Keep or drop the chosen part, or undo that. Marks on points change later digests."""
        view, list_ = self._parts.chosen(), self._parts.chosen_digest()
        if view is None or view.answer is None or list_ is None or list_.item is None:
            self._screen.notify(_NO_PART)
            return
        item, dialogue, completion = list_.item, view.request.dialogue, view.answer.completion.id
        digest = list_.digest

        def mark() -> None:
            numbers = _numbers(dialogue, item, digest)
            self._parley.keeper.do(lambda store: keep(store, numbers))

        def keep(store: "Store", numbers: dict[str, float]) -> None:
            # Read in the store's thread, after earlier writes: the same key pressed twice undoes its first mark.
            in_force = marks_among(store.judgements.of_completion(completion))
            before = next((mark for mark in in_force if mark_key(mark) == item.key and mark.says == says), None)
            if before is not None:
                store.judgements.undo(before.id)
            else:
                store.judgements.judge(_mark(completion, item, says, numbers=numbers), made_now=True)
            self._tell_marks(store, completion)
            teaches = " · the next digest follows" if numbers else ""
            self._parley.say("Taken back" if before else f"{_DONE[says]}{teaches}")

        self._parley.in_background(mark, "mark")

    def fix_todo(self) -> None:
        """Correct the chosen to-do."""
        view, list_ = self._parts.chosen(), self._parts.chosen_digest()
        if view is None or view.answer is None or list_ is None or list_.item is None:
            self._screen.notify(_NO_PART)
            return
        item, dialogue, completion = list_.item, view.request.dialogue, view.answer.completion.id
        if item.kind != "todo":
            self._screen.notify("Only to-dos can be corrected: + keeps this part, - drops it.")
            return

        def keep(todo: "Todo | None") -> None:
            if todo is not None:
                self._parley.in_background(lambda: self._fix(completion, item, todo, dialogue, digest), "mark")

        digest = list_.digest
        self._screen.app.push_screen(FixScreen(list_.todo_now(item.number)), keep)

    def _fix(self, completion: str, item: Item, todo: "Todo", dialogue: Dialogue, digest: "Digest") -> None:
        """Store the corrected to-do. Runs in a thread."""
        from assistant.marking import day_of

        day = day_of(dialogue, item.turn, todo.when, config_dir() / "cues") if todo.when else ""
        said = {"who": todo.who, "when": todo.when, "date": day, "done": todo.done}
        said["numbers"] = _numbers(dialogue, item, digest)

        def keep(store: "Store") -> None:
            store.judgements.judge(_mark(completion, item, "fix", **said), made_now=True)
            self._tell_marks(store, completion)

        self._parley.keeper.do(keep)

    def _tell_marks(self, store: "Store", completion: str) -> None:
        """Show the marks in force. Runs in the store's thread."""
        self._screen.call_later(self._show_marks, completion, marks_among(store.judgements.of_completion(completion)))

    def _show_marks(self, completion: str, marks: "Sequence[Mark]") -> None:
        for view in self._parts.transcript.answers:
            if view.answer is not None and view.answer.completion.id == completion:
                view.show_marks(marks)

    def export_todos(self, kind: str = "") -> None:
        """Write the digest's to-dos to a file in the working directory."""
        view = self._parts.chosen()
        if view is None or view.digest is None:
            self._screen.notify("There is no digest yet: paste a conversation first.")
        elif not view.digest.todos:
            self._screen.notify("This digest has no to-dos.")
        elif kind:
            self._write_todos(view, kind)
        else:
            screen = PickScreen("Write the to-dos to a file", _FILES)
            self._screen.app.push_screen(screen, lambda chosen: self._write_todos(view, chosen) if chosen else None)

    def _write_todos(self, view: AnswerView, kind: str) -> None:
        from assistant.exporting import kind_of, todos_as  # not needed to draw a screen: loads the digest's tables
        from assistant.files import free_path, write_atomically

        with self._parley.reporting():
            if kind not in [offer.value for offer in _FILES]:
                raise UsageError(f"no format {kind!r} for to-dos; there are md, ics and json")
            todos = view.digest.todos if view.digest else ()

            def write() -> None:
                path = free_path(Path.cwd(), "to-dos", kind)
                write_atomically(path, todos_as(kind_of(path), todos))
                count = f"{len(todos)} {'to-do' if len(todos) == 1 else 'to-dos'}"
                self._screen.app.post_message(NoticeGiven(f"{count} written to {path}", "information"))

            self._parley.in_background(write, "todos")


def _numbers(dialogue: Dialogue, item: Item, digest: "Digest") -> dict[str, float]:
    """The features by which the digest weighed the part; empty for a question, or if the conversation is gone."""
    from assistant.marking import numbers_of, todo_numbers

    cues = config_dir() / "cues"
    if item.turn >= len(dialogue.turns) or item.kind == "open":
        return {}
    if item.kind == "todo":
        return todo_numbers(dialogue, digest.todos[item.number], cues)
    return numbers_of(dialogue, item.turn, item.start, item.end, cues)


def _mark(completion: str, item: Item, says: "Says", **said: Any) -> "Mark":
    from assistant.feedback.database import new_id, now
    from assistant.feedback.judgements import local_rater
    from assistant.feedback.marks import Mark

    return Mark(
        id=new_id(),
        created=now(),
        rater=local_rater(),
        completion=completion,
        part=item.kind,
        number=item.number,
        says=says,
        turn=item.turn,
        text=item.text,
        **said,
    )
