"""One reader for each way of writing a conversation down: text in, messages out."""
