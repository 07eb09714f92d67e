"""The reward model's scores of drafts. They are shown only after the user has ranked the drafts, since seeing them
first could bias the ranking.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.dialogue import render_turns
from assistant.tui.chat.parts import ChatParts
from assistant.tui.widgets.transcript.answer import AnswerView
from assistant.tui.wording.judged import describe_agreement, describe_score
from assistant.tui.workers.asking import RANKED

if TYPE_CHECKING:
    from assistant.scoring.drafts import DraftScore


class DraftScores:
    """Scores the selected answer, or the newest complete one."""

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._parley = parts.parley
        self._screen = parts.screen

    def show_scores(self) -> None:
        """Show the scores of ranked drafts, or of a single rated answer."""
        view = self._parts.chosen()
        if view is None:
            return
        if not view.request.dialogue.turns:
            self._screen.notify("Only answers about a conversation are scored: the reward learned from those.")
        elif not is_judged(view):
            wanted = "Rank the drafts first: r" if len(view.shown) > 1 else "Rate it first: + or -"
            self._screen.notify(f"{wanted}. Seeing a score first could influence you.")
        else:
            self.score(view)

    def score_if_wanted(self, view: AnswerView) -> None:
        """Score drafts that were just ranked, if the settings say so."""
        if self._parley.settings.feedback.show_scores and view.request.dialogue.turns:
            self.score(view)

    def score(self, view: AnswerView) -> None:
        """Score the drafts in a thread, since a reward model with an encoder takes a second or two to open."""
        conversation = render_turns(view.request.dialogue)
        shown = list(view.shown)

        def work() -> None:
            from assistant.scoring.drafts import open_judge

            judge = open_judge()
            scores = judge.judge(conversation, [draft.answer for draft in shown])
            self._screen.call_later(self._show, [draft.id for draft in shown], judge.ref, scores)

        self._parley.in_background(work, "scores")

    def _show(self, completions: Sequence[str], reward: str, scores: "Sequence[DraftScore]") -> None:
        """Show the scores of the answer whose drafts have these ids, in the displayed order."""
        for view in self._parts.transcript.answers:
            if [draft.id for draft in view.shown] == completions:
                beside = [describe_score(score) for score in scores] if len(scores) > 1 else []
                about = describe_agreement(reward, view.placing, [score.score for score in scores])
                view.show_scores(beside, about)


def is_judged(view: AnswerView) -> bool:
    """Whether a score can no longer bias the user: all drafts are ranked, or the single one is rated."""
    return view.verdict == RANKED if len(view.shown) > 1 else bool(view.verdict)
