"""What can be done with one answer: rate it, rank its drafts, see its prompt and its evidence, copy it, have it written
again. The conversation screen brings these along.
"""

from typing import TYPE_CHECKING, cast

import msgspec
from textual.screen import Screen

from assistant.records import Ask, Dialogue, Prompt, Thumb
from assistant.terminal import one_line, printable
from assistant.tui.asking import VERDICTS, HalfRanking
from assistant.tui.choices import Offer, sampled
from assistant.tui.judged import describe_stats
from assistant.tui.keeping import RANKING
from assistant.tui.placing import Placing
from assistant.tui.reading import write_dialogue
from assistant.tui.screens.pick import PickScreen
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.answer import AnswerView
from assistant.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from assistant.tui.app import AssistantApp
    from assistant.tui.screens.ranking import Ranked

PART = "\n\n──── next part ────\n\n"


class AnswerActions(Screen[None]):
    """Actions on the focused answer, else on the newest complete one."""

    ask: Ask
    counted: tuple[Prompt, ...] = ()

    @property
    def parley(self) -> "AssistantApp":
        """The app, by its own type."""
        return cast("AssistantApp", self.app)

    async def request(self, dialogue: Dialogue, ask: Ask) -> None:
        """Ask for an answer; the conversation screen knows how."""
        raise NotImplementedError

    def is_free(self) -> bool:
        """Whether nothing is being written; says so where something is."""
        raise NotImplementedError

    def chosen(self) -> AnswerView | None:
        """The focused answer, else the newest complete one."""
        complete = [view for view in self.query_one(Transcript).answers if view.answer is not None]
        focused = [view for view in complete if view.has_focus]
        return next(reversed(focused or complete), None)

    def action_rate(self, thumb: Thumb) -> None:
        """Rate the answer; the same key again asks for a reason."""
        view = self.chosen()
        if view is None or view.answer is None:
            return
        if view.verdict == VERDICTS[thumb]:
            self._ask_reason(view, thumb)
            return
        self.parley.keeper.rated(view.answer.completion.id, thumb)
        view.judge(VERDICTS[thumb])
        self.notify(f"Rated. {'+' if thumb == 'up' else '-'} again says why.")

    def _ask_reason(self, view: AnswerView, thumb: Thumb) -> None:
        from assistant.feedback.guideline import load_guideline

        answer = view.answer
        assert answer is not None  # rated before

        def keep(reason: str | None) -> None:
            if reason:
                self.parley.keeper.rated(answer.completion.id, thumb, [reason])
                view.judge(f"{VERDICTS[thumb]}: {reason}")

        offers = [Offer(value=reason, label=reason) for reason in load_guideline().reasons[thumb]]
        self.app.push_screen(PickScreen("Why?", offers, free="or in your own words"), keep)

    def action_rank(self) -> None:
        """Rank the drafts side by side."""
        from assistant.feedback.guideline import load_guideline
        from assistant.tui.screens.ranking import RankingScreen

        view = self.chosen()
        if view is None or len(view.shown) < 2:
            self.notify("Only drafts can be ranked: /drafts 4, then send or press g.")
            return
        with self.parley.reporting():
            guideline = load_guideline()
            owner, keeper = view.shown[0].draft_of, self.parley.keeper
            shown = tuple(draft.id for draft in view.shown)

            def note(placing: Placing) -> None:
                text = msgspec.json.encode(HalfRanking(shown=shown, placing=placing)).decode()
                keeper.do(lambda store: store.keep_unfinished(owner, RANKING, text))

            def keep(ranked: "Ranked | None") -> None:
                view.placing = screen.placing
                if ranked is not None:
                    self._keep_ranking(view, ranked, guideline.version)

            drafts = [draft.answer for draft in view.shown]
            screen = RankingScreen(drafts, guideline, view.placing, note)
            self.app.push_screen(screen, keep)

    def _keep_ranking(self, view: AnswerView, ranked: "Ranked", guideline: str) -> None:
        from assistant.feedback.judgements import local_rater

        ids = [draft.id for draft in view.shown]
        groups = [[ids[number] for number in group] for group in ranked.groups]
        failed = [ids[number] for number in ranked.failed]
        owner = view.shown[0].draft_of
        keeper = self.parley.keeper
        keeper.do(
            lambda store: store.rank(
                groups,
                rater=local_rater(),
                failed=failed,
                shown=ids,
                reasons=ranked.reasons,
                confidence=ranked.confidence,
                guideline=guideline,
            )
        )
        keeper.do(lambda store: store.keep_unfinished(owner, RANKING, ""))
        view.placing = Placing(drafts=len(ids), groups=ranked.groups, failed=ranked.failed)
        view.show_ranking(view.placing)
        view.judge("ranked")

    def action_show_evidence(self) -> None:
        """Mark the names and numbers of the answer that the conversation does not contain."""
        from assistant.scoring.support import unsupported

        view = self.chosen()
        if view is None or not view.request.dialogue.turns:
            return
        found = unsupported(printable(view.text), write_dialogue(view.request.dialogue))
        view.flag(found)
        if found:
            names = ", ".join(dict.fromkeys(one_line(mention.text) for mention in found))
            self.notify(f"Not in the conversation: {names}", severity="warning", markup=False)
        else:
            self.notify("Every name and number of the answer is in the conversation.")

    def action_show_guideline(self) -> None:
        """The text that ratings go by."""
        from assistant.feedback.guideline import guideline_file, load_guideline

        with self.parley.reporting():
            guideline = load_guideline()
            about = f"version {guideline.version} · your own copy goes to {guideline_file()}"
            self.app.push_screen(TextScreen("How to judge", guideline.text, about))

    def action_show_stats(self) -> None:
        """What was judged so far, and what it makes."""
        self.parley.in_background(self._show_stats, "stats")

    def _show_stats(self) -> None:
        if (store := self.parley.keeper.store()) is not None:
            text = describe_stats(store.stats())
            self.app.call_from_thread(self.app.push_screen, TextScreen("Your ratings", text))

    def action_copy(self) -> None:
        """The answer's text, to the terminal's clipboard."""
        if view := self.chosen():
            self.app.copy_to_clipboard(view.text)
            self.notify("Copied.")

    def action_show_prompt(self) -> None:
        """The exact text that the model read, or will read."""
        view = self.chosen()
        if view is not None and view.answer is not None:
            completion = view.answer.completion
            texts = completion.prompt.split("\f")
            about = f"{completion.prompt_tokens:,} tokens · {completion.mode} · wording {completion.prompt_version}"
        elif self.counted:
            texts = [prompt.text for prompt in self.counted]
            about = f"{sum(prompt.tokens for prompt in self.counted):,} tokens"
        else:
            self.notify("There is no prompt yet: paste a conversation first.")
            return
        self.app.push_screen(TextScreen("The exact prompt", PART.join(texts), about))

    async def action_regenerate(self) -> None:
        """The same conversation with the settings of now; at random where those would write the same text."""
        view = self.chosen()
        if view is None or not self.is_free():
            return
        same = self.ask == view.request.ask and self.ask.settings.decoding != "sample"
        if same:
            self.notify("Drawn at random this time: the same settings would write the same text.")
        await self.request(view.request.dialogue, sampled(self.ask) if same else self.ask)

    async def action_refine(self, words: str = "") -> None:
        """The same conversation in fewer words, or about as many as are named."""
        view = self.chosen()
        if view is None or not self.is_free():
            return
        aim = int(words) if words.isdigit() else max(5, len(view.text.split()) * 2 // 3)
        await self.request(view.request.dialogue, msgspec.structs.replace(self.ask, words=aim))
