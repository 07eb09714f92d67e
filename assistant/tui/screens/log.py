"""The log: this session's notices and errors, newest first, and the end of the model process's log file."""

from assistant.locations import log_file
from assistant.tui.parley import parley_of
from assistant.tui.screens.text import TextScreen

LAST_BYTES = 16_000
"""The number of bytes shown from the end of the log file."""


class LogScreen(TextScreen):
    """Shows the log, to scroll and copy."""

    def __init__(self) -> None:
        super().__init__("Log", "", str(log_file()))

    def on_mount(self) -> None:
        notes = parley_of(self).notes
        said = "\n".join(f"{note.time}  {note.severity:<11}  {note.sentence}" for note in reversed(notes))
        self.show_text(f"{said or 'Nothing was said yet.'}\n\nThe model's process\n{_end_of_log() or 'said nothing.'}")
        super().on_mount()


def _end_of_log() -> str:
    try:
        with log_file().open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - LAST_BYTES))
            return stream.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
