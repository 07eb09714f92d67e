"""Judge answers: thumbs with reasons, rankings, repeated comparisons, and the effect of judgements."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from assistant.errors import AssistantError
from assistant.records import Completion, Ranking, Rating, Thumb
from assistant.tui.chat.parts import ChatParts
from assistant.tui.chat.scores import DraftScores
from assistant.tui.choices import Offer
from assistant.tui.placing import Placing
from assistant.tui.screens.pick import PickScreen
from assistant.tui.screens.text import TextScreen
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.wording.judged import describe_effect, describe_stats
from assistant.tui.wording.loop import read_loop
from assistant.tui.workers.asking import RANKED, VERDICTS, HalfRanking
from assistant.tui.workers.keeping import RANKING

if TYPE_CHECKING:
    from assistant.feedback.store import Store
    from assistant.tui.screens.ranking import Ranked


class Judging:
    """Actions on the selected answer, or on the newest complete one."""

    def __init__(self, parts: ChatParts, scores: DraftScores) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen
        self._scores = scores

    def rate(self, thumb: Thumb) -> None:
        """Rate the answer; the same key again asks for a reason."""
        view = self._parts.chosen()
        if view is None or view.answer is None:
            return
        if view.verdict.startswith(VERDICTS[thumb]):
            self._ask_reason(view, thumb)
            return
        self._rate(view, thumb, "")

    def _ask_reason(self, view: AnswerView, thumb: Thumb) -> None:
        from assistant.feedback.guideline import load_guideline

        with self._parley.reporting():
            offers = [Offer(value=reason, label=reason) for reason in load_guideline().reasons[thumb]]
            screen = PickScreen("Why?", offers, free="or in your own words")
            self._screen.app.push_screen(screen, lambda reason: self._rate(view, thumb, reason) if reason else None)

    def _rate(self, view: AnswerView, thumb: Thumb, why: str) -> None:
        """Store the rating. A reason that the guideline does not list is stored as a comment."""
        from assistant.feedback.guideline import load_guideline
        from assistant.feedback.judgements import local_rater

        assert view.answer is not None  # a complete answer was chosen
        id = view.answer.completion.id
        with self._parley.reporting():
            guideline = load_guideline()
            is_listed = why in guideline.reasons[thumb]
            reasons, comment = ([why], "") if is_listed else ([], why)

            def rate(store: "Store") -> Rating:
                return store.judgements.rate(
                    id, thumb, rater=local_rater(), reasons=reasons, comment=comment, guideline=guideline.version
                )

            before = view.verdict
            view.judge(f"{VERDICTS[thumb]}: {why}" if why else VERDICTS[thumb])
            hint = "" if why else f" · {'+' if thumb == 'up' else '-'} again says why"
            self._keep_judgement(rate, f"Rated{hint}", lambda: view.judge(before))

    def rank(self) -> None:
        """Rank the drafts side by side."""
        from assistant.feedback.guideline import load_guideline
        from assistant.tui.screens.ranking import RankingScreen

        view = self._parts.chosen()
        if view is None or len(view.shown) < 2:
            self._screen.notify("Only drafts can be ranked: type /drafts 4, then send or press g.")
            return
        with self._parley.reporting():
            guideline = load_guideline()
            owner, keeper = view.shown[0].draft_of, self._parley.keeper
            shown = tuple(draft.id for draft in view.shown)

            def note(placing: Placing) -> None:
                text = msgspec.json.encode(HalfRanking(shown=shown, placing=placing)).decode()
                keeper.do(lambda store: store.chats.keep_unfinished(owner, RANKING, text))

            def keep(ranked: "Ranked | None") -> None:
                view.placing = screen.placing
                if ranked is not None:
                    before = view.verdict
                    self._keep_ranking(view.shown, ranked, on_lost=lambda: view.judge(before))
                    keeper.do(lambda store: store.chats.keep_unfinished(owner, RANKING, ""))
                    view.placing = Placing(drafts=len(shown), groups=ranked.groups, failed=ranked.failed)
                    view.show_ranking(view.placing)
                    view.judge(RANKED)
                    self._scores.score_if_wanted(view)
                    self._parley.in_background(self._look_for_repeat, "repeat")

            drafts = [draft.answer for draft in view.shown]
            screen = RankingScreen(drafts, guideline, view.placing, note, source_of(view.shown[0]))
            self._screen.app.push_screen(screen, keep)

    def _keep_ranking(
        self,
        shown: Sequence[Completion],
        ranked: "Ranked",
        repeat_of: str = "",
        on_lost: Callable[[], object] = lambda: None,
    ) -> None:
        from assistant.feedback.judgements import local_rater

        ids = [draft.id for draft in shown]

        def rank(store: "Store") -> Ranking:
            return store.judgements.rank(
                [[ids[number] for number in group] for group in ranked.groups],
                rater=local_rater(),
                failed=[ids[number] for number in ranked.failed],
                shown=ids,
                reasons=ranked.reasons,
                confidence=ranked.confidence,
                guideline=ranked.guideline,
                repeat_of=repeat_of,
            )

        self._keep_judgement(rank, "" if repeat_of else "Ranked", on_lost)

    def _keep_judgement(
        self, judge: "Callable[[Store], Rating | Ranking]", done: str, on_lost: Callable[[], object]
    ) -> None:
        """Store a judgement after earlier writes, then show its effect, preceded by `done`; an empty `done` shows
        nothing.

        `on_lost` is called if the store refuses the judgement.
        """

        def keep(store: "Store") -> None:
            try:
                id = judge(store).id
            except AssistantError:
                self._screen.call_later(on_lost)
                raise  # the keeper reports the error
            self._parley.in_background(lambda: self._tell_effect(id, done), "effect")

        self._parley.keeper.do(keep)

    def _tell_effect(self, judgement: str, done: str) -> None:
        """Show the pairs that the judgement made and the state of the loop. Runs in a thread."""
        store = self._parley.keeper.store()
        if store is None:
            return
        pairs, _ = store.pairs()
        made = sum(judgement in pair.sources for pair in pairs)
        if done:
            new = f"{made} {'pair' if made == 1 else 'pairs'}" if made else "no pair with another answer yet"
            whole = f"{len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'}"
            self._parley.say(f"{done} · {new} · {whole} of all judgements")
        self._screen.call_later(self._parts.foot.show_loop, read_loop(store))

    def show_loop(self) -> None:
        """Show the state of the loop in the last line."""

        def read() -> None:
            if (store := self._parley.keeper.store()) is not None:
                self._screen.call_later(self._parts.foot.show_loop, read_loop(store))

        self._parley.in_background(read, "loop")

    # Repeated comparisons.

    def _look_for_repeat(self) -> None:
        """Now and then ask for an earlier ranking again, without saying so. Runs in a thread."""
        from assistant.feedback.agreement import due_for_repeat
        from assistant.feedback.judgements import local_rater

        store = self._parley.keeper.store()
        if store is None:
            return
        one_in = self._parley.settings.feedback.repeat_one_in
        due = due_for_repeat(store.judgements.rankings(), local_rater(), self._parley.chance, one_in)
        if due is None:
            return
        known = store.completions.named(due.completions)
        drafts = [known[id] for id in due.completions if id in known]
        if len(drafts) == len(due.completions):
            shown = [drafts[number] for number in self._parley.order(len(drafts))]
            self._screen.call_later(self._rank_again, due, shown)

    def _rank_again(self, ranking: Ranking, drafts: Sequence[Completion]) -> None:
        """Ask for an earlier ranking again, with the drafts in the given order."""
        from assistant.feedback.guideline import load_guideline
        from assistant.tui.screens.ranking import RankingScreen

        with self._parley.reporting():
            guideline = load_guideline()

            def keep(ranked: "Ranked | None") -> None:
                if ranked is not None:
                    self._keep_ranking(drafts, ranked, repeat_of=ranking.id)

            texts = [draft.answer for draft in drafts]
            screen = RankingScreen(texts, guideline, source=source_of(drafts[0]), heading="One more: which is best?")
            self._screen.app.push_screen(screen, keep)

    # Guideline and effects.

    def show_guideline(self) -> None:
        """Show the guideline for ratings."""
        from assistant.tui.screens.guideline import GuidelineScreen

        with self._parley.reporting():
            self._screen.app.push_screen(GuidelineScreen())

    def show_stats(self) -> None:
        """Show your ratings and the pairs they make."""

        def show() -> None:
            if (store := self._parley.keeper.store()) is not None:
                text = describe_stats(store.stats())
                self._screen.app.call_from_thread(self._screen.app.push_screen, TextScreen("Your ratings", text))

        self._parley.in_background(show, "stats")

    def show_effect(self) -> None:
        """Show the pairs that the judgements of the answer made, and which models learned from them."""
        view = self._parts.chosen()
        if view is None:
            return
        ids = [draft.id for draft in view.shown]

        def show() -> None:
            if (store := self._parley.keeper.store()) is not None:
                judged = {one.id for id in ids for one in store.judgements.of_completion(id) if not one.ended}
                self._parley.say(
                    describe_effect(*store.pairs(), judged, store.judgements.versions_with(sorted(judged)))
                )

        self._parley.in_background(show, "effect")


def source_of(completion: Completion) -> str:
    """The conversation that the model read, or its first part.

    It is the longest paragraph after the solved examples; the instruction is shorter.
    """
    read = completion.prompt.split("\f")[0].rsplit("\n\n\n", 1)[-1]
    return max(read.split("\n\n"), key=len).strip()
