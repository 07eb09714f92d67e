"""Work too slow for the screen's thread, done in threads and processes."""
