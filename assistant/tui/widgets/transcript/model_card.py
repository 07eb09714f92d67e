"""The card that offers a larger model in an empty chat. It never takes the focus from the composer."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.models.downloads import SUGGESTED, write_size
from assistant.tui.messages import ModelOffered, Offering
from assistant.tui.widgets.choice_list import ChoiceList

HEADING = "FLAN-T5 may write better. Press Tab and Enter to choose; nothing is downloaded yet."
EXAM = "Once here, `assistant models exam REF` measures it."
OFFLINE = "Larger models need a network, and there is none here. Press F6 to use a folder with one."
NOT_NOW = "not-now"
MEMORY = {
    # docs/benchmarks.md, "Serving": 337 MiB at rest with weights of this shape. The others: one byte per weight.
    "google/flan-t5-small": ">0.1 GB",
    "google/flan-t5-base": "0.4 GB",
    "google/flan-t5-large": ">0.8 GB",
}


class ModelCard(Vertical):
    """Three models and "Not now"; without a network, only a line."""

    DEFAULT_CSS = """
    ModelCard {
        display: none;
        height: auto;
        margin: 0 0 1 0;
        &.-shown { display: block; }
        &.-offline OptionList, &.-offline .about { display: none; }
        Static { height: auto; }
        OptionList { height: auto; max-height: 4; border: none; background: transparent; padding: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._heading = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._heading
        rows = [Option(Content(row), id=ref) for ref, row in describe_models()]
        yield ChoiceList(*rows, Option(Content("Not now"), id=NOT_NOW), compact=True)
        yield Static(Content(EXAM), classes="about")

    def show(self, offering: Offering) -> None:
        """Show the offer, or that there is no network, or hide the card."""
        self.set_class(bool(offering), "-shown")
        self.set_class(offering == "offline", "-offline")
        self._heading.update(Content(OFFLINE if offering == "offline" else HEADING))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        ref = event.option.id or NOT_NOW
        if ref == NOT_NOW:
            self.show("")
        self.post_message(ModelOffered("" if ref == NOT_NOW else ref))


def describe_models() -> list[tuple[str, str]]:
    """The reference of each model, and its row: name, download size and memory."""
    return [
        (
            download.hub_id,
            f"{download.hub_id.rpartition('-')[2]:<5} {write_size(download.size):>6} · "
            f"memory {MEMORY[download.hub_id]:>7}",
        )
        for download in SUGGESTED
    ]
