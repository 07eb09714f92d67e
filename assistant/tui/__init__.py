"""The app: screens, widgets and keys over the use case. Knows no SQL, no prompt text and no model library."""
