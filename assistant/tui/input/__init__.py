"""Completing, reading and routing what the user types or pastes."""
