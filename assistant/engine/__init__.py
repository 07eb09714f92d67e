"""Runs models in a child process: typed messages, two backends, conversion. Knows prompts as text and models as
folders.
"""
