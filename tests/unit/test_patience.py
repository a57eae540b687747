"""No test says how fast the machine is: limits stand in one place, and nobody takes the time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TOOLS = {
    *("mutants/__main__.py", "simulation/__main__.py", "simulation/histories.py"),
    *("system/boot_systemd.py", "system/in_systemd.py"),
}
"""Programs of their own, that tell how long they have worked, or stop after a while."""
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}
READ_CLOCKS = {"support/patience.py", "faults/conftest.py"}
WAITS = {"wait", "join", "settimeout"}
MAY_WAIT = {*WAITS, "get", "put", "acquire", "communicate", "result", "create_connection", "run"}
NOT_YET_S = 1.0
"""Up to this many seconds a test may wait to see that something does not happen."""


def sources() -> dict[str, ast.Module]:
    found = {path.relative_to(TESTS).as_posix(): path for path in sorted(TESTS.rglob("*.py"))}
    return {name: ast.parse(found[name].read_text()) for name in found.keys() - TOOLS}


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, ast.Call, str, str]]:
    """Calls that may count: the file and line, the call, of what, and the method's name."""
    return [
        (f"{name}:{node.lineno}", node, ast.unparse(node.func.value), node.func.attr)
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in MAY_WAIT | CLOCKS
    ]


Calls = list[tuple[str, ast.Call, str, str]]


def limits(call: ast.Call, method: str) -> Iterator[float]:
    given = call.args[:1] if method in WAITS else []
    if method in MAY_WAIT:
        given += [word.value for word in call.keywords if word.arg == "timeout"]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield value.value


def test_what_waits_has_the_limit_that_only_a_hang_reaches(calls: Calls) -> None:
    places = [
        place
        for place, call, _, method in calls
        if any(limit > NOT_YET_S for limit in limits(call, method))
    ]
    assert places == [], "use HANG_S or wait_until of tests/support/patience.py"


def test_nobody_looks_how_long_something_took(calls: Calls) -> None:
    places = [
        place
        for place, _, of, method in calls
        if of == "time" and method in CLOCKS and place.rpartition(":")[0] not in READ_CLOCKS
    ]
    assert places == [], "show what happened, or put a clock in"
