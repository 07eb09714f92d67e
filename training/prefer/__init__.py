"""`assistant-train prefer`: preferences learnt directly, without a reward and without sampling."""
