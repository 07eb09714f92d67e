"""Reward models and composite rewards: `assistant-train reward`, `score` and `constitution`."""
