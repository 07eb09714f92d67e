"""What can be done with the parts of a digest: see the message behind one, write the to-dos to a file. The
conversation screen brings these along.
"""

from pathlib import Path

from assistant.errors import UsageError
from assistant.tui.choices import Offer
from assistant.tui.digests.items import place_in
from assistant.tui.digests.listing import DigestList
from assistant.tui.digests.message import MessageScreen
from assistant.tui.messages import NoticeGiven
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.answer import AnswerView

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
            self.notify("Choose a part of the digest first: Shift+Tab to the answer, then Down.")
            return
        dialogue, item = view.request.dialogue, list_.item
        if item.turn >= len(dialogue.turns):
            self.notify("The conversation behind this digest is not in this chat any more.")
            return
        self.app.push_screen(MessageScreen(dialogue, item.turn, *place_in(dialogue, item)))

    def action_export_todos(self, kind: str = "") -> None:
        """Write the digest's to-dos to a file in the folder that the app was started in."""
        view = self.chosen()
        if view is None or view.digest is None:
            self.notify("There is no digest yet: paste a conversation first.")
        elif not view.digest.todos:
            self.notify("Nothing to do was agreed in this conversation.")
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
