"""Parley: summarizes conversations, answers from your documents and learns from your ratings, on your machine."""
