"""Checks texts against their conversations: what supports each sentence, what is invented or contradicted."""
