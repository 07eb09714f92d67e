"""The evidence for an answer: its sentences, and the turns of the conversation behind the chosen one.

Shared words are counted immediately; meanings are compared in a thread.
"""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from assistant.errors import AssistantError
from assistant.records import Dialogue
from assistant.scoring.faithfulness.attribution import Grounds, attribute
from assistant.scoring.faithfulness.support import Mention
from assistant.scoring.faithfulness.verdicts import verdicts
from assistant.terminal import one_line, printable
from assistant.tui.messages import GroundsFound
from assistant.tui.screens.text import Reading
from assistant.tui.widgets.choice_list import ChoiceList
from assistant.tui.widgets.dialog import Dialog
from assistant.tui.widgets.keys import KeyLine

_MARKS = {"said": "• ", "partly": "◐ ", "not found": "? "}
_COMPARING, _COMPARED, _BY_WORDS = "comparing meanings …", "by words and meaning", "by shared words alone"


class EvidenceScreen(Reading):
    """A list of sentences, marked with a dot if said, a half circle if said in part, or a question mark if not found.

    Up and Down choose a sentence, which highlights the turns behind it. Esc closes.
    """

    BINDINGS = [
        Binding("escape", "close", "Close"),
        Binding("tab", "focus_next", show=False),
    ]

    def __init__(self, text: str, dialogue: Dialogue) -> None:
        super().__init__()
        self._text = printable(text)
        self._dialogue = dialogue
        self._grounds = attribute(self._text, dialogue)
        self._sentences = ChoiceList(compact=True, classes="sentences", markup=False)
        self._turns = ChoiceList(compact=True, classes="turns", markup=False)
        self._keys = KeyLine()
        self._lit: tuple[int, ...] = ()
        self._how = _COMPARING

    @property
    def unsupported(self) -> list[Mention]:
        """Names and numbers without support, and speakers credited with what others said or did."""
        missing = [mention for ground in self._grounds for mention in ground.unsupported]
        return missing + [ground.role for ground in self._grounds if ground.role is not None]

    def compose(self) -> ComposeResult:
        with Dialog(classes="-evidence"):
            yield Static(Content("What it rests on"), classes="heading")
            yield self._sentences
            yield self._turns
            yield self._keys

    def on_mount(self) -> None:
        for ground in self._grounds:
            self._sentences.add_option(Option(self._sentence(ground)))
        for number, _ in enumerate(self._dialogue.turns):
            self._turns.add_option(Option(self._turn(number, is_lit=False)))
        self._turns.can_focus = False
        self._sentences.focus()
        if self._grounds:
            self._sentences.highlighted = 0
        self.run_worker(self._compare, thread=True, group="meaning")

    def _compare(self) -> None:
        """Find the evidence with the encoder too; if there is none, shared words remain. Runs in a thread."""
        from assistant.scoring.similarity import open_similarity

        try:
            self.post_message(GroundsFound(attribute(self._text, self._dialogue, open_similarity())))
        except AssistantError:
            self.post_message(GroundsFound(None))

    def on_grounds_found(self, event: GroundsFound) -> None:
        self._how = _BY_WORDS if event.grounds is None else _COMPARED
        self._grounds = tuple(event.grounds or self._grounds)
        for number, ground in enumerate(self._grounds):
            self._sentences.replace_option_prompt_at_index(number, self._sentence(ground))
        if self._sentences.highlighted is not None:
            self._light(self._grounds[self._sentences.highlighted])

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_list is self._sentences:
            self._light(self._grounds[event.option_index])

    def action_close(self) -> None:
        self.dismiss(None)

    def _light(self, ground: Grounds) -> None:
        for number in {*self._lit, *ground.turns}:
            self._turns.replace_option_prompt_at_index(number, self._turn(number, is_lit=number in ground.turns))
        self._lit = ground.turns
        if ground.turns:
            self._turns.highlighted = ground.best if ground.best in ground.turns else ground.turns[0]
            self._turns.scroll_to_highlight(top=True)
        else:
            self._turns.highlighted = None
        self._keys.show(("", "↑↓ sentence"), ("escape", "close"), ("", self._how), about=self._verdict(ground))

    def _verdict(self, ground: Grounds) -> str:
        (verdict,) = verdicts(self._text, self._dialogue, [ground])
        return verdict.sentence

    def _sentence(self, ground: Grounds) -> Content:
        text = self._text[ground.start : ground.end].replace("\n", " ")
        marked = Content(text)
        for mention in (*ground.unsupported, *([ground.role] if ground.role else [])):
            marked = marked.stylize("$error underline", mention.start - ground.start, mention.end - ground.start)
        (verdict,) = verdicts(self._text, self._dialogue, [ground])
        return Content.assemble((_MARKS[verdict.found], "$foreground 70%" if verdict.is_sure else "$warning"), marked)

    def _turn(self, number: int, *, is_lit: bool) -> Content:
        turn = self._dialogue.turns[number]
        style = "$accent bold" if is_lit else "$foreground 70%"
        bar = "▌" if is_lit else " "
        return Content.assemble((f"{bar}{number + 1:>4}  {one_line(turn.speaker)}: {one_line(turn.text)}", style))
