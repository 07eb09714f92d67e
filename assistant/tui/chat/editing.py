"""Change what was sent: continue in a copy of the chat, or rename the speakers of a conversation."""

import msgspec

from assistant.terminal import one_line
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.choices import Offer
from assistant.tui.input.reading import rename_speakers, write_dialogue
from assistant.tui.messages import ComposerSubmitted
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.transcript.sent import SentView
from assistant.tui.widgets.transcript.source import SourceView
from assistant.tui.workers.asking import message_before, open_chat


class Editing:
    """Edits messages. `editing` is the id of the message that is being changed, or ""."""

    def __init__(self, parts: ChatParts, requests: Requests) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests
        self.editing = ""
        self._set_aside = ""

    def fork(self) -> None:
        """Continue from the selected message, or the newest answer, in a copy of the chat."""
        selected = self._parts.selected()
        entry = selected if isinstance(selected, SentView) else self._parts.chosen()
        message = entry.message if entry is not None else ""
        if message and self._requests.is_free():
            self.fork_chat(upto=message)

    def edit(self) -> None:
        """Load the selected or the last sent message into the composer. Sending it continues in a copy of the chat."""
        selected = self._parts.selected()
        entry = selected if isinstance(selected, SentView) else self._last_sent()
        if entry is None or not entry.message:
            self._screen.notify("There is nothing to change yet: send something first.")
            return
        if not self.editing:
            self._set_aside = self._parts.composer.whole_text
        self.editing = entry.message
        composer = self._parts.composer
        composer.load(entry.text)
        composer.border_title = "changing what was sent · Enter sends it in a copy of the chat · Esc leaves it"
        composer.editor.focus()

    def _last_sent(self) -> SentView | None:
        return next(reversed(list(self._parts.transcript.query(SentView))), None)

    def stop(self) -> None:
        """Leave editing: the composer's text is a new message again."""
        self.editing = ""
        self._parts.composer.border_title = ""

    def give_up(self) -> None:
        """Cancel the change, and restore the text typed before it."""
        if self.editing:
            self._parts.composer.load(self._set_aside)
            self._set_aside = ""
            self.stop()

    def fork_chat(self, *, upto: str = "", before: str = "", text: str = "") -> None:
        """Copy the current chat up to a message, or to the one before it. Open the copy, and send the text in it."""
        id = self._parts.chat

        def fork() -> None:
            if (store := self._parley.keeper.store()) is None:
                return
            last = upto or message_before(store, id, before)
            copy = store.chats.fork(id, last or None)
            open_chat(store, copy.id, self._screen.post_message)
            self._screen.call_later(self._go_on, text)

        self._parley.in_background(fork, "fork")

    def _go_on(self, text: str) -> None:
        """Send the text in the copy, if there is one."""
        if text:
            self._parts.composer.clear()
            if self._set_aside and not self._parts.composer.whole_text:
                self._parts.composer.load(self._set_aside)
            self._set_aside = ""
            self._screen.post_message(ComposerSubmitted(text))
        else:
            self._screen.notify("This is a copy of the chat. The first one stays as it was.")

    # Names.

    async def rename_speaker(self, names: str = "") -> None:
        """Rename a speaker of the conversation as OLD=NEW says, or ask for the names."""
        view = self._parts.chosen_source()
        if view is None:
            self._screen.notify("There is no conversation in view yet.")
        elif names:
            with self._parley.reporting():
                await self._rename(view, names)
        else:
            offers = [Offer(value=name, label=name) for name in view.dialogue.speakers]
            screen = PickScreen("Who is to be renamed?", offers)
            self._screen.app.push_screen(screen, lambda old: self._ask_name(view, old))

    def _ask_name(self, view: SourceView, old: str | None) -> None:
        if old is None:
            return

        def use(new: str | None) -> None:
            if new:
                self._screen.run_worker(self._rename(view, f"{old}={new}"))

        self._screen.app.push_screen(PickScreen(f"What is {one_line(old)} called?", [], free="a name"), use)

    async def _rename(self, view: SourceView, names: str) -> None:
        former, dialogue = view.dialogue, rename_speakers(view.dialogue, names)
        await view.replace(dialogue)
        for answer in self._parts.transcript.answers:
            if answer.request.dialogue is former:
                answer.request = msgspec.structs.replace(answer.request, dialogue=dialogue)
        message, text = view.message, write_dialogue(dialogue)
        if message:
            self._parley.keeper.do(lambda store: store.chats.change_message(message, text))
        self._screen.notify("Renamed. Existing answers stay as they are: press g to write one again.")
