"""Tests of what is passed on to other programs."""
