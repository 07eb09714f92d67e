"""What can be set for each training stage: structs whose attribute docstrings are the manual. Imports nothing heavy."""
