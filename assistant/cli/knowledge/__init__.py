"""`assistant knowledge`: the user's documents, and how well they are found."""
