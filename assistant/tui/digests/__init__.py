"""The digest in the app: its parts as a list, the message behind each, and what can be done with them."""
