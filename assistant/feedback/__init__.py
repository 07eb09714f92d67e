"""What was asked, answered and judged: the store, the pairs that judgements make, and their exchange with others."""

from assistant.feedback.database import new_id
from assistant.feedback.judgements import local_rater
from assistant.feedback.store import Store

__all__ = ["Store", "local_rater", "new_id"]
