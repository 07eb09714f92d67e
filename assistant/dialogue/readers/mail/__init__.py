"""E-mail: pasted threads, and message files as mail programs store them."""
