"""Batch jobs that make models: pocket, tuning, reward and PPO. No terminal interface lives here."""
