"""The kept chats: found, opened, begun, copied up to a message, named, exported. The conversation screen
brings these along.
"""

from typing import cast, get_args

import msgspec

from assistant.errors import UsageError
from assistant.terminal import one_line
from assistant.tui.asking import ask_of
from assistant.tui.choices import Offer
from assistant.tui.exporting import Kind
from assistant.tui.finding.actions import FindingActions
from assistant.tui.messages import (
    ChatBegun,
    ChatChosen,
    ChatForked,
    ChatOpened,
    ChatSearched,
    ChatsFound,
    ComposerSubmitted,
    EarlierWanted,
)
from assistant.tui.reading import rename_speakers, write_dialogue
from assistant.tui.screens.deleting import Deleting
from assistant.tui.screens.pick import PickScreen
from assistant.tui.widgets.sent import SentView
from assistant.tui.widgets.source import SourceView
from assistant.tui.widgets.title import TitleLine


class KeptChats(FindingActions, Deleting):
    """Actions on the chat in view and on the list of chats."""

    editing = ""
    """The id of the message that is being changed, "" for none."""
    set_aside = ""
    """What was typed before something was changed: there again once that is over."""

    # The list.

    def action_resume(self) -> None:
        self.chats.open()

    def on_chat_searched(self, event: ChatSearched) -> None:
        self.parley.find_chats(event.words)

    def on_chats_found(self, event: ChatsFound) -> None:
        self.chats.show(event.chats, self.chat)

    def on_chat_chosen(self, event: ChatChosen) -> None:
        if self.is_free():
            self.parley.open_chat(event.id)
            self.composer.editor.focus()

    # The chat in view.

    def on_chat_begun(self, event: ChatBegun) -> None:
        self.chat = event.id

    def on_earlier_wanted(self, event: EarlierWanted) -> None:
        self.parley.open_chat(self.chat, event.before)

    async def on_chat_opened(self, event: ChatOpened) -> None:
        if event.is_page:
            await self.transcript.add_earlier(event, self.ask, self.parley.order)
            return
        self.chat = event.chat.id
        self.chats.look()
        self.stop_editing()
        self.parley.keeper.resume(event.chat.id)
        self.ask = ask_of(event.chat, self.default_ask)
        self.show_ask()
        self.title_line.chat = event.chat.title or TitleLine.UNTITLED
        self.set_class(bool(event.entries), "-begun")
        await self.transcript.show(event, self.ask, self.parley.order)
        self.follow()
        if event.at:
            self.call_after_refresh(self.show_message, event.at, event.word)

    async def action_new_chat(self) -> None:
        if self.is_free():
            self.parley.keeper.begin()
            self.chat = ""
            self.stop_editing()
            await self.transcript.clear()
            self.follow()
            self.title_line.chat = TitleLine.UNTITLED
            self.remove_class("-begun")
            self.ask = self.default_ask
            self.show_ask()
            self.composer.editor.focus()

    def action_title(self, title: str = "") -> None:
        """Name the chat, or ask for a name."""
        if not title:
            screen = PickScreen("What is this chat called?", [], free=f"now: {one_line(self.title_line.chat)}")
            self.app.push_screen(screen, lambda typed: self.action_title(typed) if typed else None)
            return
        self.parley.keeper.named(one_line(title))
        self.title_line.chat = one_line(title)

    def action_export(self, kind: str = "md") -> None:
        """Write the chat to a file in the folder that the app was started in."""
        with self.parley.reporting():
            if kind not in get_args(Kind):
                raise UsageError(f"no format {kind!r} for a chat; there are md, html and json")
            self.parley.export_chat(cast(Kind, kind))

    # Going back.

    def action_fork(self) -> None:
        """Go on from the selected message, or the newest answer, in a copy of the chat."""
        selected = self.selected()
        entry = selected if isinstance(selected, SentView) else self.chosen()
        message = entry.message if entry is not None else ""
        if message and self.is_free():
            self.parley.fork_chat(self.chat, upto=message)

    def action_edit(self) -> None:
        """Bring what was sent back into the composer; sending it then goes on in a copy of the chat."""
        selected = self.selected()
        entry = selected if isinstance(selected, SentView) else self._last_sent()
        if entry is None or not entry.message:
            self.notify("There is nothing to change yet: send something first.")
            return
        if not self.editing:
            self.set_aside = self.composer.whole_text
        self.editing = entry.message
        self.composer.load(entry.text)
        self.composer.border_title = "changing what was sent · Enter sends it in a copy of the chat · Esc leaves it"
        self.composer.editor.focus()

    def _last_sent(self) -> SentView | None:
        return next(reversed(list(self.transcript.query(SentView))), None)

    def stop_editing(self) -> None:
        """What is typed is a new message again."""
        self.editing = ""
        self.composer.border_title = ""

    def give_up_editing(self) -> None:
        """The change goes, and what was typed before it is there again."""
        if self.editing:
            self.composer.load(self.set_aside)
            self.set_aside = ""
            self.stop_editing()

    def on_chat_forked(self, event: ChatForked) -> None:
        if event.text:
            self.composer.clear()
            if self.set_aside and not self.composer.whole_text:
                self.composer.load(self.set_aside)
            self.set_aside = ""
            self.post_message(ComposerSubmitted(event.text))
        else:
            self.notify("This is a copy of the chat. The first one stays as it was.")

    # Names.

    async def action_rename_speaker(self, names: str = "") -> None:
        """Give a speaker of the conversation another name: OLD=NEW, or asked for."""
        view = self.chosen_source()
        if view is None:
            self.notify("There is no conversation in view yet.")
        elif names:
            with self.parley.reporting():
                await self._rename(view, names)
        else:
            offers = [Offer(value=name, label=name) for name in view.dialogue.speakers]
            self.app.push_screen(PickScreen("Who is to be renamed?", offers), lambda old: self._ask_name(view, old))

    def _ask_name(self, view: SourceView, old: str | None) -> None:
        if old is None:
            return

        def use(new: str | None) -> None:
            if new:
                self.run_worker(self._rename(view, f"{old}={new}"))

        self.app.push_screen(PickScreen(f"What is {one_line(old)} called?", [], free="a name"), use)

    async def _rename(self, view: SourceView, names: str) -> None:
        former, dialogue = view.dialogue, rename_speakers(view.dialogue, names)
        await view.replace(dialogue)
        for answer in self.transcript.answers:
            if answer.request.dialogue is former:
                answer.request = msgspec.structs.replace(answer.request, dialogue=dialogue)
        message, text = view.message, write_dialogue(dialogue)
        if message:
            self.parley.keeper.do(lambda store: store.change_message(message, text))
        self.notify("Renamed. Existing answers stay as they are: press g to write one again.")
