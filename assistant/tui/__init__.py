"""The app: screens, widgets and keys."""
