"""Import and export of judgements for other tools and people, with optional removal of names."""
