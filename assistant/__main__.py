"""Where `assistant` and `python -m assistant` begin. Whoever stops it while the first modules are imported, which takes
a moment on a cold disk, is answered as ever: one line, or one JSON object, and exit code 130.
"""

import atexit
import os
import signal
import sys


def main() -> None:
    """Carry out the command line. SIGTERM stops it as Ctrl+C does, until the command takes both over."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        atexit.register(_turn_deaf)  # the first to be registered is the last to be called
        from assistant.cli import main

        main()
    except SystemExit as end:
        code = _code_of(end)
        # All is said and done: what comes now cuts the wait for threads short, and changes nothing of the result.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(code))
        raise
    except KeyboardInterrupt as stop:
        _answer(stop.__context__)


def _answer(before: BaseException | None) -> None:
    """End where a signal came before the command took both over, or when it had ended with `before`: its result stands.

    At once: of an interrupt that passed an exec(), as named tuples are made with, CPython 3.11 remembers that nobody
    caught it, and kills itself by SIGINT in the place of any exit.
    """
    if isinstance(before, SystemExit):
        sys.stdout.flush()
        os._exit(_code_of(before))
    # Written without what may be half imported.
    said = "stopped before anything was begun"
    is_json = "--json" in sys.argv
    sys.stderr.write(f'{{"error": "{said}", "exit_code": 130}}\n' if is_json else f"assistant: {said}\n")
    sys.stderr.flush()
    os._exit(130)


def _code_of(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else 0 if end.code is None else 1


def _turn_deaf() -> None:
    """From here on only libraries are taken down, without Python: a signal would make a failure of what was done."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
