"""The `assistant` command. One file a verb group; with `training.cli` the only place that prints.

Commands are named by import path, so that none is imported before it is called.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from assistant.cli.output import fail
from assistant.errors import AssistantError, UsageError

app = App(
    name="assistant",
    help="Summarize conversations on your own machine. Without a command it opens the app.",
    help_epilogue="""Examples:

  assistant                                   open the app

  assistant summarize chat.txt                summarize a file

  pbpaste | assistant summarize               summarize what comes in

  assistant summarize --jsonl in.jsonl -o out.jsonl
""",
    help_format="plaintext",
    version_flags=["--version"],
)
app.command("assistant.cli.summarize:summarize", name="summarize")
app.command("assistant.cli.prompt:prompt", name="prompt")
app.command("assistant.cli.models:models", name="models")
app.command("assistant.cli.places:paths", name="paths")
app.command("assistant.cli.places:config", name="config")
app.command("assistant.cli.history:history", name="history")
app.command("assistant.cli.doctor:doctor", name="doctor")


@app.default
def open_app(*, plain: bool = False, continue_: bool = False) -> int:
    """Open the app.

    Parameters
    ----------
    plain
        Talk line by line, for screen readers and simple terminals.
    continue_
        Open the last chat instead of a new one.
    """
    if plain:
        from assistant.cli.plain import talk

        return talk()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal; to summarize without one: assistant summarize FILE")
    from assistant.settings import load_settings
    from assistant.tui.app import AssistantApp

    AssistantApp(load_settings()).run()
    return 0


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and exit with the code that DESIGN's table gives it."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in tokens
    as_json = "--json" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        if debug:
            raise
        code = fail(UsageError(_sentence(error)), as_json)
    except AssistantError as error:
        if debug:
            raise
        code = fail(error, as_json)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader went away (`| head`): nothing more to say, and nothing to complain about at exit.
        sys.stderr.close()
        code = 0
    except OSError as error:
        if debug:
            raise
        code = fail(AssistantError(f"{error.strerror or error}: {error.filename or 'the system said no'}"), as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _sentence(error: CycloptsError) -> str:
    text = " ".join(str(error).split())
    return f"{text} See assistant --help." if "--help" not in text else text
