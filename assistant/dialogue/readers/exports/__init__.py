"""JSON as programs export it: one small file for each program."""
