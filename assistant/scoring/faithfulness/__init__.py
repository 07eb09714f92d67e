"""Whether a text is true to its conversation: what each sentence rests on, what is invented or contradicted."""
