"""`assistant prompt show`: the exact text that a model would read."""

from pathlib import Path

from cyclopts import App

from assistant.cli.output import note, say, say_json
from assistant.cli.summaries.summarize import check_ask, read_source
from assistant.conversation import Ask, Assistant
from assistant.dialogue import describe
from assistant.prompts import explain
from assistant.prompts import show as shown_to_model
from assistant.records import Task
from assistant.settings import load_settings

prompt = App(name="prompt", help="See what a model is asked.", help_format="plaintext")


@prompt.command(name="show")
def show(
    file: Path,
    *,
    mode: str | None = None,
    task: Task = "summary",
    request: str = "",
    phrasing: str | None = None,
    model: str | None = None,
    format: str = "",
    turns: bool = False,
    json: bool = False,
) -> None:
    """Print the exact prompt for a conversation, one for each part if it does not fit the model's window. If the
    model reads tags instead of the speakers' names, a line on standard error lists them.

    Example:

      assistant prompt show --mode few-shot chat.txt

      assistant prompt show --turns export.zip

    Parameters
    ----------
    file
        A conversation in any format that Parley reads, or `-` for standard input.
    mode
        zero-shot, one-shot, few-shot or chain-of-thought.
    task
        What the model is asked to write.
    request
        The question or instruction, for the tasks that take one.
    phrasing
        The wording of the instruction.
    model
        The model to write the prompt for.
    format
        The format, such as chat, paste, mail, json or names. Recognized by default.
    turns
        Print only the turns, as they were read.
    json
        Print one JSON object per prompt.
    """
    dialogue = read_source(file, format)
    if turns:
        note(describe(dialogue))
        for turn in dialogue.turns:
            say(f"{turn.speaker}: {turn.text}")
        return
    settings = load_settings()
    ask = Ask(
        mode=mode or settings.prompt.mode,
        task=task,
        request=request,
        phrasing=phrasing or settings.prompt.phrasing or None,
    )
    check_ask(ask)
    read = {
        "format": dialogue.format,
        "turns": [[turn.speaker, turn.text] for turn in dialogue.turns],
        "left_out": dialogue.kinds,
        "understood": describe(dialogue),
    }
    with Assistant(settings) as assistant:
        prompts = assistant.prompts(dialogue, ask, model)
    for rendered in prompts:
        if json:
            say_json(
                {
                    "prompt": rendered.text,
                    "tokens": rendered.tokens,
                    "budget": rendered.budget,
                    "mode": rendered.mode,
                    "task": rendered.task,
                    "version": rendered.version,
                    "shots": list(rendered.shots),
                    "shots_dropped": rendered.shots_dropped,
                    "speakers": rendered.speakers,
                    **read,
                }
            )
            continue
        note(describe(dialogue))
        say(shown_to_model(rendered.text, tuple(rendered.speakers)).text)
        if sentence := explain(rendered.speakers):
            note(sentence)
        note(f"{rendered.tokens} of {rendered.budget} tokens{_left_out(rendered.shots_dropped)}")


def _left_out(shots: int) -> str:
    """The number of examples that did not fit, as the end of a sentence; empty if all did."""
    return f"; {shots} {'example' if shots == 1 else 'examples'} left out" if shots else ""
