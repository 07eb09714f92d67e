"""A list to choose from."""

from textual.style import Style
from textual.widgets import OptionList


class ChoiceList(OptionList):
    """Textual's, in which a theme can also swap the colours of the chosen row: `block-cursor-text-style: reverse`."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """Textual's own leaves `reverse` out."""
        style = super().get_visual_style(*component_classes, partial=partial)
        is_swapped = any(self.get_component_styles(name).text_style.reverse for name in component_classes)
        return style + Style(reverse=True) if is_swapped else style
