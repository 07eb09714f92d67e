"""A list to choose from."""

from textual.style import Style
from textual.widgets import OptionList


class ChoiceList(OptionList):
    """An OptionList whose chosen row can swap its colours: `block-cursor-text-style: reverse` in a theme."""

    def get_visual_style(self, *component_classes: str, partial: bool = False) -> Style:
        """The style with `reverse`, which Textual leaves out."""
        style = super().get_visual_style(*component_classes, partial=partial)
        is_swapped = any(self.get_component_styles(name).text_style.reverse for name in component_classes)
        return style + Style(reverse=True) if is_swapped else style
