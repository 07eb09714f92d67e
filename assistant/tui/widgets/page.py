"""A scrolling, read-only text."""

from typing import Any

from textual.dom import DOMNode
from textual.widgets import TextArea


class Page(TextArea):
    """A TextArea without a cursor that unsubscribes from theme changes when unmounted.

    A plain TextArea watches the app's theme, and is freed only at the next change of theme (Textual 8.2,
    https://github.com/Textualize/textual/issues/6666).
    """

    def __init__(self, text: str, *, classes: str | None = None, compact: bool = False) -> None:
        super().__init__(
            text, read_only=True, show_cursor=False, highlight_cursor_line=False, classes=classes, compact=compact
        )
        self.cursor_blink = False

    def watch(self, obj: DOMNode, attribute_name: str, callback: Any, init: bool = True) -> None:
        if obj is self.app and attribute_name == "theme":
            self.app.theme_changed_signal.subscribe(self, lambda _: callback())
        else:
            super().watch(obj, attribute_name, callback, init)

    def on_unmount(self) -> None:
        self.app.theme_changed_signal.unsubscribe(self)
