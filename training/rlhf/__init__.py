"""The whole loop, from ratings to a promoted model: `assistant-train rlhf`."""
