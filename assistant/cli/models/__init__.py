"""`assistant models`: list, download, inspect, compare, choose, push and remove models."""
