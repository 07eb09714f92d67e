"""What can be done with one answer besides judging it: see its prompt and its evidence, copy it, have it written again
or differently. The conversation screen brings these along.
"""

import msgspec

from assistant.errors import AssistantError
from assistant.models.registry import resolve
from assistant.prompts import explain, show
from assistant.records import Ask
from assistant.tui.choices import Offer, drawn, sampled
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.screens.pick import PickScreen
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.sent import SentView

PART = "\n\n──── next part ────\n\n"
WISHES = (
    Offer(value="shorter", label="shorter", about="two thirds of the words"),
    Offer(value="longer", label="longer", about="half as many words again"),
)


class AnswerActions(ConversationParts):
    """Actions on the selected answer, else on the newest complete one."""

    def action_show_evidence(self) -> None:
        """Where each sentence that a model wrote was said, and what the conversation does not say."""
        from assistant.tui.screens.evidence import EvidenceScreen

        view = self.chosen()
        if view is None:
            return
        if not view.request.dialogue.turns:
            self.notify("This answer comes from documents: press s for its sources.")
            return
        if not view.written:
            self.notify("Everything here is quoted: press Down to choose a part and Enter to see its message.")
            return
        screen = EvidenceScreen(view.written, view.request.dialogue)
        view.flag(screen.unsupported)
        self.app.push_screen(screen)

    def action_copy(self) -> None:
        """What was sent, where that is selected, else the answer's text, to the terminal's clipboard."""
        selected = self.selected()
        text = selected.text if isinstance(selected, SentView) else (view.copied if (view := self.chosen()) else "")
        if text:
            self.app.copy_to_clipboard(text)
            self.notify("Copied.")

    def action_show_prompt(self) -> None:
        """The exact text that the model read, or will read."""
        view = self.chosen()
        if self.composer.whole_text.strip() and self.counted and not (view and view is self.selected()):
            shown = [show(prompt.text, tuple(prompt.speakers)) for prompt in self.counted]
            about = f"{sum(prompt.tokens for prompt in self.counted):,} tokens"
        elif view is not None and view.answer is not None:
            completion = view.answer.completion
            tags = self._tags_of(completion.model)
            shown = [show(text, tags) for text in completion.prompt.split("\f")]
            about = f"{completion.prompt_tokens:,} tokens · {completion.mode} · wording {completion.prompt_version}"
        else:
            self.notify("There is no prompt yet: paste a conversation first.")
            return
        about = " · ".join(dict.fromkeys([about, *filter(None, (explain(one.names) for one in shown))]))
        self.app.push_screen(TextScreen("The exact prompt", PART.join(one.text for one in shown), about))

    def _tags_of(self, ref: str) -> tuple[str, ...]:
        """What the model of that name reads for speakers; nothing where it is gone or is no model."""
        try:
            return resolve(ref, self.parley.settings).speaker_tags
        except AssistantError:
            return ()

    async def action_regenerate(self) -> None:
        """The same with the settings of now; at random where those would write the same text."""
        view = self.chosen()
        if view is None or not self.is_free():
            return
        now = drawn(self._asked_now(view))
        same = now == view.request.ask and now.settings.decoding != "sample" and not view.request.question
        if same:
            self.notify("Sampled this time, because the same settings would give the same text.")
        await self.request(view.request.dialogue, sampled(now) if same else now, view.request.question)

    async def action_refine(self, wish: str = "") -> None:
        """The same conversation, written differently; without a wish, ask for one."""
        view = self.chosen()
        if view is None or not self.is_free():
            return
        if wish:
            await self.refine(wish, view)
            return
        from assistant.drafting import STYLES

        presets = [Offer(value=name, label=name, about=told) for name, told in STYLES.items()]
        screen = PickScreen("How should it be?", [*WISHES, *presets], free="or in your own words")

        async def use(chosen: str | None) -> None:
            if chosen:
                await self.refine(chosen, view)

        self.app.push_screen(screen, use)

    async def refine(self, wish: str, view: AnswerView) -> None:
        """Write that answer again with a wish."""
        if view.request.question:
            self.notify("This answer quotes your documents: ask for something else instead.")
            return
        from assistant.drafting import refine

        with self.parley.reporting():
            await self.request(view.request.dialogue, refine(self._asked_now(view), view.text, wish))

    def _asked_now(self, view: AnswerView) -> Ask:
        """The answer's own task and request, with the settings of now."""
        was = view.request.ask
        return msgspec.structs.replace(
            self.ask, task=was.task, request=was.request, phrasing=was.phrasing, wish=was.wish
        )
