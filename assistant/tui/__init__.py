"""The app: screens, widgets and keys over the use case."""
