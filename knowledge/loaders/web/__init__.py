"""Loaders of HTML and formats that contain it: web pages, e-mail and e-books."""
