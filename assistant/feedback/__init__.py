"""The store of questions, answers and judgements; preference pairs; import and export of judgements."""

from assistant.feedback.database import new_id
from assistant.feedback.judgements import local_rater
from assistant.feedback.store import Store

__all__ = ["Store", "local_rater", "new_id"]
