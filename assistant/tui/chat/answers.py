"""Actions on an answer, except judging: show its prompt and evidence, copy it, write it again or differently."""

import msgspec

from assistant.errors import AssistantError
from assistant.models.registry import resolve
from assistant.prompts import explain, show
from assistant.records import Ask
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.requests import Requests
from assistant.tui.choices import Offer, drawn, sampled
from assistant.tui.screens.pick import PickScreen
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.widgets.transcript.sent import SentView

PART = "\n\n──── next part ────\n\n"
WISHES = (
    Offer(value="shorter", label="shorter", about="two thirds of the words"),
    Offer(value="longer", label="longer", about="half as many words again"),
)


class Answers:
    """Actions on the selected answer, or on the newest complete one."""

    def __init__(self, parts: ChatParts, requests: Requests) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._requests = requests

    def show_evidence(self) -> None:
        """Show where each sentence by a model was said, and which parts the conversation does not support."""
        from assistant.tui.screens.evidence import EvidenceScreen

        view = self._parts.chosen()
        if view is None:
            return
        if not view.request.dialogue.turns:
            self._screen.notify("This answer comes from documents: press s for its sources.")
            return
        if not view.written:
            self._screen.notify("Everything here is quoted: press Down to choose a part and Enter to see its message.")
            return
        screen = EvidenceScreen(view.written, view.request.dialogue)
        view.flag(screen.unsupported)
        self._screen.app.push_screen(screen)

    def copy(self) -> None:
        """Copy the selected message, or the text of the answer."""
        selected, view = self._parts.selected(), self._parts.chosen()
        text = selected.text if isinstance(selected, SentView) else view.copied if view else ""
        if text:
            self._screen.app.copy_to_clipboard(text)
            self._screen.notify("Copied.")

    def show_prompt(self) -> None:
        """Show the exact text that the model read, or will read."""
        view, counted = self._parts.chosen(), self._parts.counted
        is_selected = view is not None and view is self._parts.selected()
        if self._parts.composer.whole_text.strip() and counted and not is_selected:
            shown = [show(prompt.text, tuple(prompt.speakers)) for prompt in counted]
            about = f"{sum(prompt.tokens for prompt in counted):,} tokens"
        elif view is not None and view.answer is not None:
            completion = view.answer.completion
            tags = self._tags_of(completion.model)
            shown = [show(text, tags) for text in completion.prompt.split("\f")]
            about = f"{completion.prompt_tokens:,} tokens · {completion.mode} · wording {completion.prompt_version}"
        else:
            self._screen.notify("There is no prompt yet: paste a conversation first.")
            return
        about = " · ".join(dict.fromkeys([about, *filter(None, (explain(one.names) for one in shown))]))
        self._screen.app.push_screen(TextScreen("The exact prompt", PART.join(one.text for one in shown), about))

    def _tags_of(self, ref: str) -> tuple[str, ...]:
        """The tags that the model reads instead of speakers' names; empty if the model no longer exists."""
        try:
            return resolve(ref, self._parley.settings).speaker_tags
        except AssistantError:
            return ()

    async def regenerate(self) -> None:
        """Write the answer again with the present settings. Sample if they would give the same text."""
        view = self._parts.chosen()
        if view is None or not self._requests.is_free():
            return
        now = drawn(self._asked_now(view))
        same = now == view.request.ask and now.settings.decoding != "sample" and not view.request.question
        if same:
            self._screen.notify("Sampled this time, because the same settings would give the same text.")
        await self._requests.request(view.request.dialogue, sampled(now) if same else now, view.request.question)

    async def refine(self, wish: str = "") -> None:
        """Write the answer differently; without a wish, ask for one."""
        view = self._parts.chosen()
        if view is None or not self._requests.is_free():
            return
        if wish:
            await self.write_differently(wish, view)
            return
        from assistant.drafting import STYLES

        presets = [Offer(value=name, label=name, about=told) for name, told in STYLES.items()]
        screen = PickScreen("How should it be?", [*WISHES, *presets], free="or in your own words")

        async def use(chosen: str | None) -> None:
            if chosen:
                await self.write_differently(chosen, view)

        self._screen.app.push_screen(screen, use)

    async def write_differently(self, wish: str, view: AnswerView) -> None:
        """Write the answer again with a wish."""
        if view.request.question:
            self._screen.notify("This answer quotes your documents: ask for something else instead.")
            return
        from assistant.drafting import refine

        with self._parley.reporting():
            await self._requests.request(view.request.dialogue, refine(self._asked_now(view), view.text, wish))

    def _asked_now(self, view: AnswerView) -> Ask:
        """The task and request of the answer, with the present settings."""
        was = view.request.ask
        return msgspec.structs.replace(
            self._parts.ask, task=was.task, request=was.request, phrasing=was.phrasing, wish=was.wish
        )
