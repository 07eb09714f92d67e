"""The store: one file with everything a person asked, received and judged. Each kind of record has its module here;
nothing outside this package uses SQL.
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
    """The open store. `with Store.open() as store: …`; thread-safe.

    `chats`, `completions` and `judgements` each read and write one kind of record; `deletions` removes them; `database`
    is the file with its transactions.
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
        """Close the file. Closing twice is harmless."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judged(self) -> tuple[list[Ranking], list[Rating], list[Completion]]:
        """Return every ranking and rating, including ended ones, newest first, and the answers they judge."""
        with self.database.one_moment():
            rankings = self.judgements.rankings(history=True)
            return rankings, self.judgements.ratings(history=True), self.completions.judged()

    def pairs(self) -> tuple[list[PreferencePair], list[Unpaired]]:
        """Return the pairs from the judgements in force, and what made none."""
        with self.database.one_moment():
            return pairs_from(*self.judged(), self.judgements.marks())

    def stats(self) -> FeedbackStats:
        """Return what was judged so far, the pairs it makes, and how reliable it is."""
        with self.database.one_moment():
            return stats_of(*self.judged(), self.judgements.marks())

    def blank_passages(self, passages: Mapping[str, str]) -> int:
        """Remove the text of a document's passages (id to text) from everything stored; return the number of answers
        changed.
        """
        return blank_passages(self.database, passages)
