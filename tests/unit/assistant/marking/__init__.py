"""Tests of marks on parts of digests."""
