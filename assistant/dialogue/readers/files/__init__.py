"""Conversations in containers: tables, web pages, Word files and archives."""
