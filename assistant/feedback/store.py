"""The store: one file that holds everything a person asked, got and judged. Each noun has its file here; nothing
outside this folder speaks SQL.
"""

from assistant.feedback.deletion import Deletions


class Store(Deletions):
    """The open store. `with Store.open() as store: …`; safe to share between threads.

    Completions, Chats, Judgements and Deletions hold its methods, Database its opening and transactions.
    """
