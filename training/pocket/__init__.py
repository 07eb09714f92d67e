"""Pocket, the bundled model, trained from scratch: `assistant-train pocket`."""
