"""The RLHF loop, from ratings to a promoted model: `assistant-train rlhf`."""
