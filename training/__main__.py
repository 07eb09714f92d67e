"""Entry point of `python -m training`, which torchrun uses. An interrupt while libraries are imported is answered like
any other: one line and exit code 130.
"""

import os
import signal
import sys


def main() -> None:
    """Carry out the command line. SIGTERM stops it as Ctrl+C does, until a stage takes both over."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from training.cli import main

        main()
    except KeyboardInterrupt:
        sys.stderr.write("assistant-train: stopped before anything was begun\n")
        sys.stderr.flush()
        # At once, for the reason that assistant/__main__.py gives.
        os._exit(130)


if __name__ == "__main__":
    main()
