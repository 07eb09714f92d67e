"""To-dos: found in sentences, attributed, dated and weighed."""
