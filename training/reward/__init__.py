"""The reward model: trained on preferences, scored in parts. `assistant-train reward`, `score`, `constitution`."""
