"""`assistant summarize`: one conversation or many, and what is said beside them."""
