"""The store: one file that holds everything a person asked, got and judged. Each noun has its file here; nothing
outside this folder speaks SQL.
"""

from assistant.feedback.completions import Completions


class Store(Completions):
    """The open store. `with Store.open() as store: …`; safe to share between threads."""
