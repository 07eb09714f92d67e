"""Searching the messages of all chats, and opening a chat at the one found."""
