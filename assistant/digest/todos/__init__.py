"""To-dos: finds them in sentences, attributes, dates and scores them."""
