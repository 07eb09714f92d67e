"""A pytest plugin: CPU seconds of each test file, child processes included. `pytest -p tests.trust.costs`"""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

_cpu: Counter[str] = Counter()
_tests: dict[str, float] = {}


def _spent() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count the CPU time of a test and its fixtures."""
    before = _spent()
    result = yield
    _tests[item.nodeid] = _spent() - before
    _cpu[item.nodeid.partition("::")[0]] += _tests[item.nodeid]
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the most expensive files and tests."""
    terminalreporter.section("CPU seconds")
    terminalreporter.line(f"{sum(_cpu.values()):8.1f}  in all, {_spent():.1f} with collecting")
    for table, most in ((dict(_cpu), 25), (_tests, 15)):
        terminalreporter.line("")
        for name, seconds in sorted(table.items(), key=lambda row: -row[1])[:most]:
            terminalreporter.line(f"{seconds:8.1f}  {name}")
