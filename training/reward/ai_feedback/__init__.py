"""AI feedback: drafts judged by principles, without people. `assistant-train constitution`."""
