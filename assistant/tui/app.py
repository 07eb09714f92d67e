"""The application: one assistant and its screens. Errors become notifications here."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.events import Event, Key
from textual.worker import Worker, WorkerState

from assistant.engine.protocol import Progress
from assistant.errors import AssistantError, Interrupted, UsageError
from assistant.locations import knowledge_dir
from assistant.prompts import MODES
from assistant.records import Ask
from assistant.settings import Settings, save_setting
from assistant.terminal import printable
from assistant.tui.chat.screen import ChatScreen
from assistant.tui.commands import bindings_of, command_named, key_of, show_key
from assistant.tui.hangup import end_on_signals, end_without_terminal
from assistant.tui.messages import (
    ModelChanged,
    NoticeGiven,
    PullEnded,
    PullMoved,
    StoreFailed,
)
from assistant.tui.notices import NotifyingApp
from assistant.tui.opening import make_screen
from assistant.tui.screens.text import Reading, TextScreen
from assistant.tui.themes import THEMES
from assistant.tui.wording.helping import write_help
from assistant.tui.workers.asking import open_chat
from assistant.tui.workers.documents import Documents
from assistant.tui.workers.keeping import TYPED, Keeper
from assistant.tui.workers.pulling import Pulling, offering_for, take_as_base

if TYPE_CHECKING:
    from textual.command import Provider

    from assistant.conversation import Assistant
    from assistant.engine.protocol import Loaded


def _palette() -> "type[Provider]":
    from assistant.tui.palette import CommandPalette

    return CommandPalette


def shuffled(count: int) -> Sequence[int]:
    """The drafts' numbers in random order, so that no position on the screen is favoured."""
    return random.SystemRandom().sample(range(count), count)


QUIT_SECONDS = 3.0
"""Pressing Ctrl+C twice within this time quits."""
FOLLOW_SECONDS = 1.0
"""Seconds between checks for a newly promoted model; a check reads one small file."""


class AssistantApp(NotifyingApp):
    """Parley in a terminal. Tests pass `assistant`, `clock`, `order` and `chance`; the defaults are the real ones."""

    TITLE = "Parley"
    CSS_PATH = "assistant.tcss"
    COMMANDS = {_palette}
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (24, "-short"), (30, "-tall")]
    BINDINGS = bindings_of("app")

    def __init__(
        self,
        settings: Settings,
        *,
        assistant: "Assistant | None" = None,
        continue_last: bool = False,
        clock: Callable[[], float] = time.monotonic,
        order: Callable[[int], Sequence[int]] = shuffled,
        chance: random.Random | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.clock = clock
        self.assistant = assistant
        self.model = ModelChanged("loading", "loading the model")
        self.order = order
        self.chance = chance or random.SystemRandom()
        self.keeper = Keeper(
            on_error=lambda error: self.post_message(StoreFailed(error)),
            on_chat=lambda id: self.chat.call_later(self.chat.kept.begun, id),
        )
        self.documents = Documents(lambda: self.settings.knowledge, self.say)
        self.document_files = 0
        self.pulling = Pulling(self.post_message)
        self._continue_last = continue_last
        self._interrupted_at = float("-inf")
        self.chat = ChatScreen(self, self._default_ask())

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        known = self.settings.screen.theme in self.available_themes
        self.theme = self.settings.screen.theme if known else THEMES[0].name
        self.set_keymap(self.settings.keys)
        end_on_signals(self._end)
        if not self.is_headless:
            end_without_terminal(self._end, Interrupted.exit_code)
        self.push_screen(self.chat)
        # Draw the first frame and take the first key before loading the model.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.load_model()
        self.set_interval(FOLLOW_SECONDS, self.follow_model)
        self.in_background(self._find_draft, "draft")
        # Until the documents are counted, assume that an existing catalog has some: a question may come first.
        self.document_files = int((knowledge_dir() / "catalog.db").exists())
        if self.document_files:
            self.in_background(lambda: self.documents.tell_state(self.chat.post_message), "documents")
        self.chat.judging.show_loop()
        if self.settings.prompt.mode not in MODES:
            self.report(UsageError(f"unknown mode {self.settings.prompt.mode!r} in the settings; using zero-shot"))

    def _find_draft(self) -> None:
        """Restore the unsent text and, if asked to continue, the last chat. Runs in a thread."""
        store = self.keeper.store()
        if store is None:
            return
        self.chat.call_later(self.chat.preview.take_draft, store.chats.unfinished("", TYPED))
        last = store.chats.last() if self._continue_last else None
        if last:
            open_chat(store, last.id, self.chat.post_message)

    def on_pull_moved(self, event: PullMoved) -> None:
        self.chat.parts.download.show(event)

    def on_pull_ended(self, event: PullEnded) -> None:
        self.chat.parts.download.show(None)
        if event.is_here:
            self.notify(f"{event.ref} is here.")
            with self.reporting():
                self.settings = take_as_base(event.ref, self.settings)
            self.load_model(event.ref)
        elif event.is_stopped:
            so_far = f"{event.done / 1e6:,.0f} of {event.total / 1e6:,.0f} MB are here; " if event.total else ""
            self.notify(f"Stopped. {so_far}/pull {event.ref} continues the download.")

    def load_model(self, ref: str | None = None) -> None:
        """Load a model in the background, by default the start-up choice."""
        self._tell(ModelChanged("loading", f"loading {ref or 'the model'}"))
        self.in_background(lambda: self._load(ref), "load")

    def follow_model(self) -> None:
        """Load a model that was promoted since, by this or another program. It waits for the answer being written."""
        if self.assistant is not None and self.model.state == "ready" and self.assistant.has_moved():
            self.load_model()

    def in_background(self, work: Callable[[], None], group: str) -> Worker[None]:
        """Run blocking work in a thread, and report its errors."""
        return self.run_worker(work, group=group, thread=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            if not isinstance(event.worker.error, Interrupted):
                self.report(event.worker.error)
            if event.worker.group == "ask":
                self.chat.requests.give_up(event.worker.error)

    async def on_event(self, event: Event) -> None:
        """Choose the target of a letter on arrival, before the focused widget handles it.

        So no letter is lost or out of order, however fast they come.
        """
        if isinstance(event, Key) and event.is_printable and not event.is_forwarded:
            await self._place_letter(event.key)
        await super().on_event(event)

    async def _place_letter(self, key: str) -> None:
        over = self.screen
        if isinstance(over, Reading) and self.screen_stack[-2] is self.chat and key not in over.active_bindings:
            await self.pop_screen()
            self.chat.action_focus_composer()
        if self.screen is self.chat:
            self.chat.take_letter(key)

    def on_model_changed(self, event: ModelChanged) -> None:
        self.model = event
        self.chat.show_model(event)

    def on_store_failed(self, event: StoreFailed) -> None:
        self.report(event.error)

    def on_notice_given(self, event: NoticeGiven) -> None:
        self.notify(event.sentence, severity=event.severity, timeout=10)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy the text through the terminal (OSC 52), which works over ssh too. Escapes are removed, since the text
        may be pasted into a shell.
        """
        super().copy_to_clipboard(printable(text))

    def get_key_display(self, binding: Binding) -> str:
        """The key as keyboards label it: F1, ^N, Esc."""
        return show_key(binding.key.partition(",")[0])

    def action_help(self) -> None:
        self.push_screen(TextScreen("Help", write_help(self.settings.keys)))

    def action_open(self, name: str) -> None:
        """Open a screen by its name in the table."""
        with self.reporting():
            self.push_screen(make_screen(name))

    def action_settings(self) -> None:
        """Show the settings, and apply changes."""
        from assistant.tui.screens.settings import SettingsScreen

        def use(changed: Settings | None) -> None:
            if changed is not None:
                self.use_settings(changed)

        with self.reporting():
            self.push_screen(SettingsScreen(), use)

    def use_settings(self, settings: Settings) -> None:
        """Apply changed settings: theme and keys immediately, generation settings from the next answer on.

        A changed model is not loaded here; its picker does that.
        """
        if settings.screen.theme in self.available_themes:
            self.theme = settings.screen.theme
        self.set_keymap(settings.keys)
        self.settings = settings
        self.chat.use_settings(settings.screen)
        default = self._default_ask()
        if default != self.chat.parts.default_ask:
            self.chat.choosing.use_default(default)

    def _default_ask(self) -> Ask:
        prompt = self.settings.prompt
        mode = prompt.mode if prompt.mode in MODES else "zero-shot"
        task = self.settings.summary.task
        return Ask(mode=mode, task=task, phrasing=prompt.phrasing or None, settings=self.settings.generation)

    def action_take_theme(self, name: str = "") -> None:
        """Use and save a theme; without a name, let the user choose one."""
        if not name:
            self.action_change_theme()
            return
        with self.reporting():
            if name not in self.available_themes:
                raise UsageError(f"no theme {name!r}; there are {', '.join(sorted(self.available_themes))}")
            save_setting("screen.theme", name)
            self.theme = name

    async def action_quit(self) -> None:
        self._end(0)

    def action_help_quit(self) -> None:
        """Handle Ctrl+C without a selection: stop the answer being written, or say how to quit; twice quits."""
        if self.chat.requests.is_writing:
            self.chat.action_cancel()
        elif self.clock() - self._interrupted_at <= QUIT_SECONDS:
            self._end(0)
        else:
            self._interrupted_at = self.clock()
            self.notify(f"Ctrl+C again quits; so does {key_of(command_named('quit'), self.settings.keys)}.")

    def _end(self, return_code: int = Interrupted.exit_code) -> None:
        self.chat.preview.keep_typed()
        self.exit(return_code=return_code)

    async def on_unmount(self) -> None:
        """Close what runs beside the screen, in a thread: a job that is finished first may wait for the event loop."""
        with ThreadPoolExecutor(1) as closing:
            await asyncio.get_running_loop().run_in_executor(closing, self._close_parts)

    def _close_parts(self) -> None:
        self.pulling.stop()
        if self.assistant is not None:
            self.assistant.close()
        self.documents.close()
        self.keeper.close()

    def _load(self, ref: str | None) -> None:
        """Open the store, start the engine and load the model. Runs in a thread."""
        # Imported after the first frame: it takes 0.12 s of the 0.8 s allowed for the first screen.
        from assistant.conversation import Assistant

        try:
            if self.assistant is None:
                store = self.keeper.store()
                self.assistant = Assistant(self.settings, store=store, on_notice=self._notice)
            loaded = self.assistant.load(ref, on_progress=self._progress)
        except AssistantError:
            # The model that answered before goes on answering.
            serving = self.assistant.loaded if self.assistant is not None else None
            if serving is None:
                self._tell(ModelChanged("failed", "no model: press F6 to choose one"))
            else:
                self._tell_ready(serving, f"{serving.model.ref} answers as before")
            raise
        self._tell_ready(loaded, self.assistant.why)

    def _tell_ready(self, loaded: "Loaded", why: str) -> None:
        label = f"{loaded.model.ref} · {loaded.backend}"
        self._tell(ModelChanged("ready", label, why, loaded.model.ref, offering_for(loaded.model, self.settings)))

    def _notice(self, sentence: str) -> None:
        self.post_message(NoticeGiven(sentence))

    def _progress(self, progress: Progress) -> None:
        share = f" {progress.done * 100 // progress.total} %" if progress.total else ""
        self._tell(ModelChanged("loading", f"{progress.stage}{share}"))

    def _tell(self, news: ModelChanged) -> None:
        self.post_message(news)
