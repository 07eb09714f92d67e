"""The keys that count now, as Textual's footer shows them, without holding on to those that no longer do."""

from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class Keys(Footer):
    """Textual's footer composes its keys anew whenever the focus moves, and binds each to `Footer.compact`. Only a
    change of that value, which never comes, would let go of the keys that were removed: an hour of use kept thousands
    (Textual 8.2, https://github.com/Textualize/textual/issues/6666). Here each key is told once.
    """

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            if isinstance(widget, FooterKey):
                widget._reactive_connect = None
                widget.compact = self.compact
            yield widget
