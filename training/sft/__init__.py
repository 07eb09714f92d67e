"""Supervised fine-tuning: `assistant-train sft`, `adapt` and `memory`."""
