"""The conversation screen and its features, one object each."""
