"""One file a widget, with its look and its keys."""
