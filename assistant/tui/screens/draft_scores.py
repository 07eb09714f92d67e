"""What the reward makes of drafts, once a person has ranked them; never before: it would sway whoever ranks. The
conversation screen brings this along.
"""

from assistant.dialogue import render_turns
from assistant.tui.asking import RANKED
from assistant.tui.judged import describe_agreement, describe_score
from assistant.tui.messages import DraftsScored
from assistant.tui.screens.parts import ConversationParts
from assistant.tui.widgets.answer import AnswerView


class DraftScores(ConversationParts):
    """Scores the focused answer, else the newest complete one."""

    def action_show_scores(self) -> None:
        """Show the reward's scores of drafts that are ranked, or of a single answer that is rated."""
        view = self.chosen()
        if view is None:
            return
        if not view.request.dialogue.turns:
            self.notify("Only answers about a conversation are scored: the reward learned from those.")
        elif not is_judged(view):
            wanted = "Rank the drafts first: r" if len(view.shown) > 1 else "Rate it first: + or -"
            self.notify(f"{wanted}. Seeing a score first could influence you.")
        else:
            self.score(view)

    def score_if_wanted(self, view: AnswerView) -> None:
        """Score drafts that were just ranked, where the settings ask for it."""
        if self.parley.settings.feedback.show_scores and view.request.dialogue.turns:
            self.score(view)

    def score(self, view: AnswerView) -> None:
        """Score them in a thread; a reward with an encoder takes a second or two to open."""
        conversation = render_turns(view.request.dialogue)
        shown = list(view.shown)

        def work() -> None:
            from assistant.scoring.drafts import open_judge

            judge = open_judge()
            scores = judge.judge(conversation, [draft.answer for draft in shown])
            self.post_message(DraftsScored([draft.id for draft in shown], judge.ref, scores))

        self.parley.in_background(work, "scores")

    def on_drafts_scored(self, event: DraftsScored) -> None:
        for view in self.transcript.answers:
            if [draft.id for draft in view.shown] == list(event.completions):
                beside = [describe_score(score) for score in event.scores] if len(event.scores) > 1 else []
                about = describe_agreement(event.reward, view.placing, [score.score for score in event.scores])
                view.show_scores(beside, about)


def is_judged(view: AnswerView) -> bool:
    """Whether a score can sway nobody any more: all drafts have their places, or the only one its rating."""
    return view.verdict == RANKED if len(view.shown) > 1 else bool(view.verdict)
