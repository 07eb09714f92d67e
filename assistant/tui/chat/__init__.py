"""The conversation screen and its features, one class for each."""
