"""`assistant summarize`: one conversation or many, and the notes printed with them."""
