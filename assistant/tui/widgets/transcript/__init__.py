"""The transcript of a chat and the entries that it is made of."""
