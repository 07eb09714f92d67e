"""What can be done with the parts of a digest: see the message behind one, keep or drop it, put a to-do
right, write the to-dos to a file. The conversation screen brings these along.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import UsageError
from assistant.locations import config_dir
from assistant.records import Dialogue
from assistant.tui.asking import marks_among
from assistant.tui.choices import Offer
from assistant.tui.digests.fixing import FixScreen
from assistant.tui.digests.items import Item, mark_key, place_in
from assistant.tui.digests.listing import DigestList
from assistant.tui.digests.message import MessageScreen
from assistant.tui.messages import MarksChanged, NoticeGiven
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.answer import AnswerView

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


class DigestActions(ConversationParts):
    """Actions on the chosen part of a digest, else on the chosen answer's digest."""

    def action_open_point(self) -> None:
        """The conversation, at the message that the chosen part comes from."""
        view, list_ = self.chosen(), self.digest_list()
        if view is None or list_ is None or list_.item is None:
            self.notify(_NO_PART)
            return
        dialogue, item = view.request.dialogue, list_.item
        if item.turn >= len(dialogue.turns):
            self.notify("The conversation behind this digest is no longer in this chat.")
            return
        self.app.push_screen(MessageScreen(dialogue, item.turn, place_in(dialogue, item)))

    def action_show_conversation(self) -> None:
        """The conversation beside its answer, or no more; over all of the terminal where that is narrow."""
        dialogue, list_ = self.dialogue_in_view(), self.digest_list()
        if self.beside.is_open and self.beside.display:
            self.beside.close()
        elif dialogue is None:
            self.notify("There is no conversation in view yet.")
        elif self.has_class("-narrow"):
            item = list_.item if list_ is not None else None
            turn, span = (item.turn, place_in(dialogue, item)) if item is not None else (0, None)
            self.app.push_screen(MessageScreen(dialogue, turn, span, is_whole=True))
        else:
            self.panel.close()
            self.beside.open(dialogue)
            if list_ is not None and list_.item is not None:
                self._point_at(list_.item)

    def on_digest_list_chosen(self, event: DigestList.Chosen) -> None:
        self.follow()
        self._point_at(event.item)

    def _point_at(self, item: Item) -> None:
        dialogue = self.dialogue_in_view()
        if self.beside.is_open and dialogue is not None and item.turn < len(dialogue.turns):
            self.beside.point_at(item.turn, *place_in(dialogue, item))

    def action_mark(self, says: "Says") -> None:
        """Keep or drop the chosen part; the same key again takes that back. Points so marked weigh the next digest."""
        view, list_ = self.chosen(), self.digest_list()
        if view is None or view.answer is None or list_ is None or list_.item is None:
            self.notify(_NO_PART)
            return
        item, dialogue, completion = list_.item, view.request.dialogue, view.answer.completion.id
        digest = list_.digest

        def mark() -> None:
            numbers = _numbers(dialogue, item, digest)
            self.parley.keeper.do(lambda store: keep(store, numbers))

        def keep(store: "Store", numbers: dict[str, float]) -> None:
            # Looked up here, in its turn: the same key twice in a row takes back what the first one said.
            in_force = marks_among(store.judgements_of(completion))
            before = next((mark for mark in in_force if mark_key(mark) == item.key and mark.says == says), None)
            if before is not None:
                store.undo(before.id)
            else:
                store.judge(_mark(completion, item, says, numbers=numbers), made_now=True)
            self._tell_marks(store, completion)
            teaches = " · the next digest follows" if numbers else ""
            self.parley.say("Taken back" if before else f"{_DONE[says]}{teaches}")

        self.parley.in_background(mark, "mark")

    def action_fix_todo(self) -> None:
        """Put the chosen to-do right."""
        view, list_ = self.chosen(), self.digest_list()
        if view is None or view.answer is None or list_ is None or list_.item is None:
            self.notify(_NO_PART)
            return
        item, dialogue, completion = list_.item, view.request.dialogue, view.answer.completion.id
        if item.kind != "todo":
            self.notify("Only to-dos can be corrected: + keeps this part, - drops it.")
            return

        def keep(todo: "Todo | None") -> None:
            if todo is not None:
                self.parley.in_background(lambda: self._fix(completion, item, todo, dialogue, digest), "mark")

        digest = list_.digest
        self.app.push_screen(FixScreen(list_.todo_now(item.number)), keep)

    def _fix(self, completion: str, item: Item, todo: "Todo", dialogue: Dialogue, digest: "Digest") -> None:
        """In a thread: keep the to-do as it is now."""
        from assistant.marking import day_of

        day = day_of(dialogue, item.turn, todo.when, config_dir() / "cues") if todo.when else ""
        said = {"who": todo.who, "when": todo.when, "date": day, "done": todo.done}
        said["numbers"] = _numbers(dialogue, item, digest)

        def keep(store: "Store") -> None:
            store.judge(_mark(completion, item, "fix", **said), made_now=True)
            self._tell_marks(store, completion)

        self.parley.keeper.do(keep)

    def _tell_marks(self, store: "Store", completion: str) -> None:
        self.post_message(MarksChanged(completion, marks_among(store.judgements_of(completion))))

    def on_marks_changed(self, event: MarksChanged) -> None:
        for view in self.transcript.answers:
            if view.answer is not None and view.answer.completion.id == event.completion:
                view.show_marks(event.marks)

    def action_export_todos(self, kind: str = "") -> None:
        """Write the digest's to-dos to a file in the folder that the app was started in."""
        view = self.chosen()
        if view is None or view.digest is None:
            self.notify("There is no digest yet: paste a conversation first.")
        elif not view.digest.todos:
            self.notify("This digest has no to-dos.")
        elif kind:
            self._write_todos(view, kind)
        else:
            screen = PickScreen("Write the to-dos to a file", _FILES)
            self.app.push_screen(screen, lambda chosen: self._write_todos(view, chosen) if chosen else None)

    def _write_todos(self, view: AnswerView, kind: str) -> None:
        from assistant.exporting import kind_of, todos_as  # with the digest's tables: not needed to draw a screen
        from assistant.files import free_path, write_atomically

        with self.parley.reporting():
            if kind not in [offer.value for offer in _FILES]:
                raise UsageError(f"no format {kind!r} for to-dos; there are md, ics and json")
            todos = view.digest.todos if view.digest else ()

            def write() -> None:
                path = free_path(Path.cwd(), "to-dos", kind)
                write_atomically(path, todos_as(kind_of(path), todos))
                count = f"{len(todos)} {'to-do' if len(todos) == 1 else 'to-dos'}"
                self.app.post_message(NoticeGiven(f"{count} written to {path}", "information"))

            self.parley.in_background(write, "todos")

    def digest_list(self) -> DigestList | None:
        """The list that has the focus."""
        return self.focused if isinstance(self.focused, DigestList) else None


def _numbers(dialogue: Dialogue, item: Item, digest: "Digest") -> dict[str, float]:
    """What the digest weighed the part by; nothing for a question, and where the conversation is not there any more."""
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
