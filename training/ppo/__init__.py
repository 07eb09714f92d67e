"""Proximal policy optimization of an encoder-decoder policy: `assistant-train ppo`."""
