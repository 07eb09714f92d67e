"""`assistant prompt show`: the exact text that a model would read."""

from pathlib import Path

from cyclopts import App

from assistant.cli.output import note, say, say_json
from assistant.cli.summarize import check_ask
from assistant.conversation import Ask, Assistant
from assistant.dialogue import parse, read_text
from assistant.prompts import explain
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
    json: bool = False,
) -> None:
    """Print the exact prompt for a conversation, one for each part where it does not fit the model's window. Where the
    model reads tags in the place of the speakers' names, a line on standard error says which.

    Example:

      assistant prompt show --mode few-shot chat.txt

    Parameters
    ----------
    file
        A conversation; `-` reads it from standard input.
    mode
        zero-shot, one-shot, few-shot or chain-of-thought.
    task
        What the model is asked to write.
    request
        The question or instruction, for the tasks that take one.
    phrasing
        The wording of the instruction.
    model
        The model whose window counts.
    json
        Print one JSON object a prompt.
    """
    settings = load_settings()
    ask = Ask(
        mode=mode or settings.prompt.mode,
        task=task,
        request=request,
        phrasing=phrasing or settings.prompt.phrasing or None,
    )
    check_ask(ask)
    import sys

    dialogue = parse(read_text(sys.stdin.buffer.read() if str(file) == "-" else file))
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
                }
            )
            continue
        say(rendered.text)
        if sentence := explain(rendered.speakers):
            note(sentence)
        note(f"{rendered.tokens} of {rendered.budget} tokens; {rendered.shots_dropped} shots dropped")
