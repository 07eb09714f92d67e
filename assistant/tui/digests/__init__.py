"""The digest in the app: its parts as a list, the message behind each part, and corrections."""
