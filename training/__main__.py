"""Entry point of `python -m training`, which torchrun uses. An interrupt during imports ends like any other: with one
line and exit code 130.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command line. SIGTERM acts like Ctrl+C, until a stage installs its own handlers."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from training.cli import main

        main()
    except KeyboardInterrupt:
        sys.stderr.write("assistant-train: stopped before anything was begun\n")
        sys.stderr.flush()
        # Exit at once, for the reason given in assistant/__main__.py.
        os._exit(130)


if __name__ == "__main__":
    main()
