"""The `assistant` command, with one file for each group of commands. Only this package and `training.cli` print.

Commands are registered by import path, so each is imported only when it is called.
"""

import difflib
import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.cli.output import fail
from assistant.cli.stopping import stoppable, was_stopped
from assistant.errors import AssistantError, Interrupted, UsageError
from assistant.locations import restoring_file
from assistant.switches import SILENT

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError
    from cyclopts.exceptions import MissingArgumentError

_COMMANDS = {
    "summarize": ("assistant.cli.summaries.summarize:summarize", "Summarize a conversation, or many."),
    "prompt": ("assistant.cli.prompt:prompt", "See what a model is asked."),
    "models": ("assistant.cli.models.models:models", "List, inspect, choose, export and remove models."),
    "ask": ("assistant.cli.ask:ask", "Answer a question from your documents."),
    "knowledge": ("assistant.cli.knowledge.knowledge:knowledge", "Keep and search your own documents."),
    "history": ("assistant.cli.history:history", "List, search and delete chats."),
    "watch": ("assistant.cli.watch:watch", "Digest each transcript that appears in a folder."),
    "serve": ("assistant.cli.serve:serve", "Show the app in a browser on this machine."),
    "feedback": ("assistant.cli.feedback:feedback", "Export, import and count ratings."),
    "rate": ("assistant.cli.feedback:rate", "Rate an answer up or down."),
    "rank": ("assistant.cli.feedback:rank", "Rank the drafts of one request."),
    "paths": ("assistant.cli.places:paths", "Print every place that is read or written."),
    "config": ("assistant.cli.places:config", "Show the settings in force."),
    "backup": ("assistant.cli.backup:backup", "Write everything that is yours to one file."),
    "restore": ("assistant.cli.backup:restore", "Bring back what a backup holds."),
    "completion": ("assistant.cli.completion:completion", "Print a script for your shell's completion."),
    "doctor": ("assistant.cli.doctor:doctor", "Check this installation."),
}
_EXAMPLES = """Examples:

  assistant                                   open the app

  assistant summarize chat.txt                summarize a file

  pbpaste | assistant summarize               summarize what comes in

  assistant summarize --jsonl in.jsonl -o out.jsonl
"""


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

        return talk(continue_last=continue_)
    is_served = "TEXTUAL_DRIVER" in os.environ  # set by `assistant serve`, which is then the terminal
    if not is_served and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal; to summarize without one: assistant summarize FILE")
    from assistant.settings import load_settings
    from assistant.tui.app import AssistantApp

    app = AssistantApp(load_settings(), continue_last=continue_)
    app.run()
    return app.return_code or 0


def build_app(*, listing: bool) -> "App":
    """Build the command tree.

    A command's help comes from its function. With `listing`, it comes from `_COMMANDS`, so that the overview imports no
    commands.
    """
    import importlib.metadata

    from cyclopts import App, Parameter

    app = App(
        name="assistant",
        help="Summarize conversations on your own machine. Without a command, open the app.",
        help_epilogue=_EXAMPLES if listing else "",
        help_format="plaintext",
        version_flags=["--version"],
        version=lambda: importlib.metadata.version("parley-assistant"),
        default_parameter=Parameter(negative=()),
        # main() handles Ctrl+C, like every other error.
        suppress_keyboard_interrupt=False,
    )
    app.default(open_app)
    for name, (place, line) in _COMMANDS.items():
        app.command(place, name=name, **({"help": line} if listing else {}))
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code, or with the exit code of its error."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in tokens
    as_json = "--json" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    os.environ.update(SILENT)
    try:
        code = _run(tokens)
    except BrokenPipeError:
        # The reader closed the pipe (`| head`). Without stderr, Python cannot report the pipe again at exit.
        sys.stderr.close()
        code = 0
    # The outermost boundary: every error becomes one line, or a traceback with --debug.
    except (Exception, KeyboardInterrupt) as error:
        if debug and not was_stopped(error):
            raise
        code = fail(_in_words(error), as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _run(tokens: list[str]) -> object:
    """Run a command. Opening the app skips the parser, which saves a tenth of a second."""
    if restoring_file().exists():
        from assistant.backup import finish_restore

        finish_restore()
    if tokens in ([], ["--continue"]):
        return open_app(continue_=bool(tokens))
    with stoppable():
        from cyclopts import CycloptsError

        app = build_app(listing=not _COMMANDS.keys() & tokens[:1])
        try:
            return app(_dash_last(tokens), exit_on_error=False, print_error=False, result_action="return_value")
        except CycloptsError as error:
            raise UsageError(_sentence(error)) from error


def _in_words(error: BaseException) -> AssistantError:
    """Turn any error into an AssistantError with a message for the user and an exit code."""
    if was_stopped(error):
        return Interrupted("stopped; what was finished before is kept")
    if isinstance(error, AssistantError):
        return error
    return AssistantError(_refusal(error) if isinstance(error, OSError) else _surprise(error))


def _refusal(error: OSError) -> str:
    """The message for an error of the operating system, with what to do about it."""
    advice = {
        errno.ENOSPC: "make room and try again",
        errno.EDQUOT: "make room and try again",
        errno.EFBIG: "make room and try again",
        errno.EROFS: "set ASSISTANT_HOME to a folder that can be written",
        errno.EACCES: "check its permissions, or set ASSISTANT_HOME to another folder",
        errno.EPERM: "check its permissions, or set ASSISTANT_HOME to another folder",
        errno.EIO: "the disk may be failing: check it, and try again",
    }
    hint = advice.get(error.errno or 0, "`assistant doctor` checks the installation")
    return f"{error.strerror or error}: {error.filename or 'the system said no'}; {hint}"


def _surprise(error: BaseException) -> str:
    """The message for an unexpected error, with how to get its traceback."""
    return f"this should not happen: {type(error).__name__}: {error}; the same command with --debug shows where"


def _dash_last(tokens: list[str]) -> list[str]:
    """Move a lone "-" (standard input) behind "--", since cyclopts takes it for an option elsewhere."""
    if "-" not in tokens or "--" in tokens:
        return tokens
    return [*(token for token in tokens if token != "-"), "--", "-"]


def _sentence(error: "CycloptsError") -> str:
    from cyclopts.exceptions import MissingArgumentError, UnusedCliTokensError

    see = f"See {' '.join(['assistant', *(error.command_chain or ())])} --help."
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        word = error.unused_tokens[0]
        nearest = difflib.get_close_matches(word, _COMMANDS, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else "."
        return f"no command or argument {word!r}{hint} {see}"
    text = _missing(error) if isinstance(error, MissingArgumentError) else " ".join(str(error).split())
    return f"{text} {see}" if "--help" not in text else text


def _missing(error: "MissingArgumentError") -> str:
    """Name the missing argument as the usage line does: cyclopts names the option form of a positional argument."""
    command, argument = " ".join(error.command_chain or ()), error.argument
    assert argument is not None
    typed = [token.keyword for token in argument.tokens if token.keyword]
    if option := error.keyword or next(iter(typed), None):
        return f"{command} {option} needs a value.".lstrip()
    name = argument.name if argument.index is None else argument.name.lstrip("-").upper()
    return f"{command} needs {name}.".lstrip()
