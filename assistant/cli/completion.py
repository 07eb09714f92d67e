"""`assistant completion`: print a script that completes commands and flags in a shell."""

from typing import Literal

from assistant.cli.output import say


def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a completion script for your shell.

    Save it where your shell finds it:

      assistant completion bash >> ~/.bash_completion

      assistant completion zsh > "${fpath[1]}/_assistant"

      assistant completion fish > ~/.config/fish/completions/assistant.fish

    Parameters
    ----------
    shell
        Your shell.
    """
    from assistant.cli import build_app

    say(build_app(listing=False).generate_completion(prog_name="assistant", shell=shell).rstrip())
