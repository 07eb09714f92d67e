"""One reader per format: each turns a text into messages."""
