"""The frame of a dialog: its heading and keys stay visible whatever the size of the terminal."""

from textual.binding import Binding
from textual.containers import ScrollableContainer, Vertical
from textual.geometry import Size, Spacing
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layouts.vertical import VerticalLayout
from textual.screen import ModalScreen, ScreenResultType
from textual.scroll_view import ScrollView
from textual.widget import Widget


class DialogScreen(ModalScreen[ScreenResultType]):
    """A modal screen with Ctrl+C as elsewhere, since Textual gives modal screens none of the app's keys."""

    BINDINGS = [Binding("ctrl+c", "copy_or_quit", show=False)]

    def action_copy_or_quit(self) -> None:
        """Copy the selection or, without one, do what the app does."""
        if self.get_selected_text() is None:
            self.app.action_help_quit()
        else:
            self.action_copy_text()


class Dialog(Vertical):
    """A column of widgets. If it is too tall, the tallest of its scrolling children get fewer rows."""

    def __init__(self, *, classes: str = "") -> None:
        super().__init__(classes=f"dialog {classes}")
        self._giving_way = _GivingWay()

    @property
    def layout(self) -> VerticalLayout:
        return self._giving_way


class _GivingWay(VerticalLayout):
    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        placements = list(super().arrange(parent, children, size, greedy))
        # Without a height, Textual measures how tall the dialog would be.
        if not size.height or not placements:
            return placements
        last = placements[-1]
        surplus = last.region.bottom + last.margin.bottom - size.height
        scrolling = [isinstance(placed.widget, ScrollView | ScrollableContainer) for placed in placements]
        given = _shares(
            [placed.region.height * scrolls for placed, scrolls in zip(placements, scrolling, strict=True)], surplus
        )
        return _closed_up(placements, given)


def _shares(heights: list[int], surplus: int) -> list[int]:
    """The rows that each child gives up, taken one at a time from the tallest, which keeps at least one."""
    left = list(heights)
    for _ in range(surplus):
        tallest = max(range(len(left)), key=left.__getitem__)
        if left[tallest] <= 1:
            break
        left[tallest] -= 1
    return [height - rest for height, rest in zip(heights, left, strict=True)]


def _closed_up(placements: list[WidgetPlacement], given: list[int]) -> list[WidgetPlacement]:
    """The placements with fewer rows, each moved up to close the gaps."""
    moved, above = [], 0
    for placed, rows in zip(placements, given, strict=True):
        region = placed.region.translate((0, -above))
        moved.append(placed._replace(region=region.shrink(Spacing(bottom=rows))))
        above += rows
    return moved
