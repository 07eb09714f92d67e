"""The models on this machine: their origin, their measurements, and which one answers."""

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.errors import AssistantError
from assistant.models import versions
from assistant.models.registry import choose, list_models
from assistant.models.versions import VersionFacts
from assistant.records import ModelVersion
from assistant.settings import load_settings
from assistant.terminal import one_line
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog, DialogScreen
from assistant.tui.widgets.keys import KeyLine

_KEYS = (("enter", "let it answer"), ("b", "back to the one before"), ("d", "delete"), ("escape", "close"))


class ModelsScreen(DialogScreen[None]):
    """A list of models, with facts about the highlighted one below."""

    BINDINGS = [("escape,q", "close", "Close"), ("b", "back", "Back"), ("d", "delete", "Delete")]

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, ModelVersion] = {}
        self._asked = ""

    def compose(self) -> ComposeResult:
        with Dialog(classes="-wide"):
            yield Static(Content("Models"), classes="heading")
            yield ChoiceList(compact=True)
            yield Static(classes="facts")
            yield KeyLine(*_KEYS)

    def on_mount(self) -> None:
        serving = self._list()
        options = self.query_one(OptionList)
        if serving in self._models:
            options.highlighted = list(self._models).index(serving)
        options.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._asked = ""
        self.query_one(".facts", Static).update(Content("\n".join(_lines(self._models[event.option.id or ""]))))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Promote the chosen model. A damaged one is refused, and the present one stays."""
        self._do(lambda: f"{versions.promote(event.option.id or '', why='chosen in the app').ref} answers from now on.")

    def action_back(self) -> None:
        """Go back to the model that answered before."""
        self._do(lambda: f"Back to {versions.rollback().replace('auto', 'the start-up choice')}.")

    def action_delete(self) -> None:
        """Delete the highlighted model, when pressed twice."""
        options = self.query_one(OptionList)
        if options.highlighted is None:
            return
        ref = options.get_option_at_index(options.highlighted).id or ""
        if self._asked != ref:
            self._asked = ref
            self.notify(f"Press d again to delete {ref}.")
            return
        self._do(lambda: f"{versions.remove(ref).name} is gone.")

    def action_close(self) -> None:
        self.dismiss(None)

    def _do(self, work: Any) -> None:
        try:
            self.notify(work())
        except AssistantError as error:
            self.notify(str(error), severity="error", timeout=12)
        self._list()

    def _list(self) -> str:
        """Show the models as they are now, and return the one that answers."""
        options = self.query_one(OptionList)
        at = options.highlighted or 0
        try:
            serving = choose(load_settings())[0].ref
        except AssistantError:
            serving = ""
        self._models = {model.ref: model for model in list_models()}
        options.clear_options()
        width = max(map(len, self._models), default=0)
        for ref, model in self._models.items():
            mark = "●" if ref == serving else " "
            options.add_option(Option(Content(f"{mark} {one_line(ref):<{width}}   {_origin(model)}"), id=ref))
        options.highlighted = min(at, len(self._models) - 1)
        return serving


def _origin(model: ModelVersion) -> str:
    facts = _facts(model)
    if facts is None:
        return {"bundled": "comes with Parley", "hub": "from the Hub"}.get(model.kind, "")
    gained = facts.figures.get("rouge1_gain")
    measured = f", ROUGE-1 {gained:+.1f}" if isinstance(gained, float) else ""
    return one_line(f"{facts.method} of {facts.parent or facts.base}{measured}, {facts.created[:10]}")


def _lines(model: ModelVersion) -> list[str]:
    """Facts about a model, one per line: what it is, how it was made, what that gained and cost."""
    head = f"{model.parameters / 1e6:.1f} M parameters, reads {model.window} tokens, {model.licence or 'no licence'}"
    facts = _facts(model)
    if facts is None:
        return [one_line(head), one_line(model.folder), one_line(_exam(model))]
    figures = {name: float(value) for name, value in facts.figures.items() if isinstance(value, int | float)}
    lines = [
        f"{head}, {facts.size_bytes / 2**20:.0f} MiB",
        *([f"made by the run {facts.run} on {facts.base}"] if facts.run else []),
        _exam(model),
        *_measured(figures),
        *_spent(figures, facts.trained_parameters),
    ]
    return [one_line(line) for line in lines]


def _exam(model: ModelVersion) -> str:
    """The result of the exam, or the command that takes it."""
    from assistant.exam import known_result  # imports the digest, which opening the screen does not need

    result = known_result(model)
    return result.sentence() if result else f"exam not taken yet: `assistant models exam {model.ref}` takes it"


def _measured(figures: Mapping[str, float]) -> list[str]:
    """What tuning gained, and what it lost on other data."""
    lines = []
    if {"dev_loss", "dev_loss_before"} <= figures.keys():
        lines.append(f"held-out loss {figures['dev_loss_before']:.2f} → {figures['dev_loss']:.2f}")
    if "rouge1" in figures:
        gain = f" ({figures['rouge1_gain']:+.1f})" if "rouge1_gain" in figures else ""
        asked = f" on {figures['judged']:.0f} conversations" if "judged" in figures else ""
        lines.append(f"ROUGE-1 {figures['rouge1']:.1f}{gain}{asked}")
    forgotten = "rouge1_change_on_"
    lines += [
        f"{name.removeprefix(forgotten).replace('_', ' ')}: ROUGE-1 {value:+.1f}"
        for name, value in figures.items()
        if name.startswith(forgotten)
    ]
    return lines


def _spent(figures: Mapping[str, float], trained: int) -> list[str]:
    parts = [f"{trained:,} numbers trained"] if trained else []
    if "seconds" in figures:
        parts.append(f"in {figures['seconds']:.0f} s")
    if "peak_memory_mib" in figures:
        parts.append(f"{figures['peak_memory_mib']:.0f} MiB of memory at most")
    return [", ".join(parts)] if parts else []


def _facts(model: ModelVersion) -> VersionFacts | None:
    try:
        return versions.facts_of(model)
    except AssistantError:
        return None
