"""The transcript of a chat, and its entries."""
