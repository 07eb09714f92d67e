"""HTML and what holds it: web pages, e-mail and e-books."""
