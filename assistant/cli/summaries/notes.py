"""Notes about an answer on standard error: progress, the examples left out, the parts, and the words kept out."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from assistant.cli.output import Advance, is_interactive, note, progress_bar
from assistant.dialogue import describe
from assistant.engine.protocol import Progress
from assistant.records import Answer, Dialogue, Guarded
from assistant.tui.wording.origin import QUOTED, describe_dropped, is_quoted


@contextmanager
def telling(everywhere: bool = False) -> Iterator[Callable[[Progress], None]]:
    """A context that shows progress: stages as lines, and the parts of a long conversation as a bar.

    Without a terminal it prints nothing or, with `everywhere`, a line at every tenth of the parts.
    """
    bars: list[Advance] = []
    with ExitStack() as stack:

        def tell(progress: Progress) -> None:
            if progress.total > 1 and (everywhere or is_interactive()):
                if not bars:
                    bars.append(stack.enter_context(progress_bar("parts", progress.total)))
                bars[0].of(progress.done, progress.total)
            elif progress.total == 0 and is_interactive():
                note(f"{progress.stage} …")

        yield tell


def note_dialogue(dialogue: Dialogue) -> None:
    """Print what was understood of the conversation."""
    note(describe(dialogue))


def note_answer(answer: Answer) -> None:
    """Print how the answer was made, if not in the ordinary way."""
    completion = answer.completion
    if answer.parts:
        how = "combined into one" if answer.combined else "a paragraph each"
        note(f"Longer than the model's window: {len(answer.parts)} parts, {how}, all {answer.turns} turns covered.")
    if dropped := describe_dropped(answer):
        note(f"{dropped[:1].upper()}{dropped[1:]}.")
    if completion.finished == "length":
        note("Stopped at the token limit: raise --max-new-tokens.")
    if is_quoted(completion):
        note(f"{QUOTED[:1].upper()}{QUOTED[1:]}.")
    if answer.guarded:
        _note_guarded(answer.guarded)
    if completion.rationale:
        note(f"Reasoning: {completion.rationale}")


def _note_guarded(guarded: Guarded) -> None:
    """Print the names and numbers missing from the conversation: those that were avoided, and those that remain."""
    if guarded.avoided:
        note(f"Kept out, because the conversation does not have them: {', '.join(guarded.avoided)}.")
    if guarded.left:
        note(f"Not in the conversation, please check: {', '.join(guarded.left)}.")
