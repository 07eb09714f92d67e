"""The entry point of `assistant` and `python -m assistant`. It also handles signals while the first modules are
imported, which takes a moment on a cold disk: one line or one JSON object, and exit code 130, as usual.
"""

import atexit
import os
import signal
import sys


def main() -> None:
    """Run the command line. SIGTERM acts like Ctrl+C until the command handles both."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        atexit.register(_turn_deaf)  # registered first, so called last
        from assistant.cli import main

        main()
    except SystemExit as end:
        code = _code_of(end)
        # The result is final: a signal now only cuts short the wait for threads.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(code))
        raise
    except KeyboardInterrupt as stop:
        _answer(stop.__context__)


def _answer(before: BaseException | None) -> None:
    """Exit after a signal that arrived before the command handled both, or after it ended with `before`: its result
    stands.

    Uses os._exit: if an interrupt passed an exec(), which creates named tuples, CPython 3.11 remembers it as uncaught,
    and kills itself with SIGINT instead of exiting.
    """
    if isinstance(before, SystemExit):
        sys.stdout.flush()
        os._exit(_code_of(before))
    # Avoids modules that may be half imported.
    said = "stopped before anything was begun"
    is_json = "--json" in sys.argv
    sys.stderr.write(f'{{"error": "{said}", "exit_code": 130}}\n' if is_json else f"assistant: {said}\n")
    sys.stderr.flush()
    os._exit(130)


def _code_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else 0 if end.code is None else 1


def _turn_deaf() -> None:
    """Ignore signals while only libraries shut down: a signal would turn success into failure."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
