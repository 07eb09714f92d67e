"""Jobs that train and evaluate models."""
