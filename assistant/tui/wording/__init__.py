"""Texts of the screens: labels, hints, help, and figures in sentences."""
