"""The store: one file that holds everything a person asked, got and judged. Each noun has its file here; nothing
outside this folder speaks SQL.
"""

from assistant.feedback.agreement import FeedbackStats, stats_of
from assistant.feedback.pairs import pairs_from
from assistant.feedback.purging import Purges
from assistant.records import Completion, PreferencePair, Ranking, Rating, Unpaired


class Store(Purges):
    """The open store. `with Store.open() as store: …`; safe to share between threads.

    Completions, Chats, Judgements, Deletions and Purges hold its methods, Database its opening and transactions.
    """

    def judged(self) -> tuple[list[Ranking], list[Rating], list[Completion]]:
        """Every ranking and rating, ended ones included, newest first, and the answers that they judge."""
        with self.one_moment():
            return self.rankings(history=True), self.ratings(history=True), self.judged_completions()

    def pairs(self) -> tuple[list[PreferencePair], list[Unpaired]]:
        """The pairs that the judgements in force make, and what made none."""
        with self.one_moment():
            return pairs_from(*self.judged(), self.marks())

    def stats(self) -> FeedbackStats:
        """What was judged so far, the pairs it makes, and how far it can be trusted."""
        with self.one_moment():
            return stats_of(*self.judged(), self.marks())
