"""Work that takes longer than a key may, done in threads and processes beside the screen."""
