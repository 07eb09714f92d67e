"""The store: one file that holds everything a person asked, got and judged. Each noun has its file here; nothing
outside this folder speaks SQL.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from assistant.feedback.agreement import FeedbackStats, stats_of
from assistant.feedback.chats import Chats
from assistant.feedback.completions import Completions
from assistant.feedback.database import WAIT_SECONDS, Database
from assistant.feedback.deletion import Deletions
from assistant.feedback.judgements import Judgements
from assistant.feedback.pairs import pairs_from
from assistant.feedback.purging import blank_passages
from assistant.records import Completion, PreferencePair, Ranking, Rating, Unpaired


class Store:
    """The open store. `with Store.open() as store: …`; safe to share between threads.

    `chats`, `completions` and `judgements` read and write one kind of record each; `deletions` removes them;
    `database` is the file with its transactions.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.chats = Chats(database)
        self.completions = Completions(database)
        self.judgements = Judgements(database)
        self.deletions = Deletions(database, self.chats, self.completions, self.judgements)

    @classmethod
    def open(cls, path: Path | None = None, read_only: bool = False, wait: float = WAIT_SECONDS) -> Self:
        """Open the store in a file, as `Database.open` does."""
        return cls(Database.open(path, read_only, wait))

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judged(self) -> tuple[list[Ranking], list[Rating], list[Completion]]:
        """Every ranking and rating, ended ones included, newest first, and the answers that they judge."""
        with self.database.one_moment():
            rankings = self.judgements.rankings(history=True)
            return rankings, self.judgements.ratings(history=True), self.completions.judged()

    def pairs(self) -> tuple[list[PreferencePair], list[Unpaired]]:
        """The pairs that the judgements in force make, and what made none."""
        with self.database.one_moment():
            return pairs_from(*self.judged(), self.judgements.marks())

    def stats(self) -> FeedbackStats:
        """What was judged so far, the pairs it makes, and how far it can be trusted."""
        with self.database.one_moment():
            return stats_of(*self.judged(), self.judgements.marks())

    def blank_passages(self, passages: Mapping[str, str]) -> int:
        """Take the text of a document's passages (id to text) out of all that is stored; return how many answers had
        some of it.
        """
        return blank_passages(self.database, passages)
