"""Which mistakes are made in a module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import TESTS
from tests.mutants.mutations import mutants


def changes(source: str) -> set[str]:
    return {mutant.change.partition("  |  ")[2] for mutant in mutants(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"a < b  =>  a <= b"}),
        ("x = a and b", {"a and b  =>  a or b", "a and b  =>  b", "a and b  =>  a"}),
        ("x = not a", {"not a  =>  a"}),
        ("x = a + b", {"a + b  =>  a - b"}),
        ("x = 7", {"7  =>  8"}),
        ("x = True", {"True  =>  False"}),
        ("x = 'a'", {"'a'  =>  'aX'"}),
        ("def f() -> int:\n    'Told.'\n    return g()", {"return g()  =>  return None"}),
        ("f()", {"f()  =>  pass"}),
        ("x: int | None", set()),
        ("assert a < b", set()),
    ],
)
def test_the_mistakes_in_a_line(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


@pytest.mark.long
@pytest.mark.parametrize("module", TESTS)
def test_each_mutant_is_another_module(module: str) -> None:
    source = Path(f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    plain = ast.unparse(ast.parse(source))
    made = list(mutants(source))
    assert len(made) > 10
    for mutant in made:
        assert mutant.source != plain, mutant.change
        compile(mutant.source, module, "exec")


@pytest.mark.parametrize("module", TESTS)
def test_the_tests_of_a_module_are_there(module: str) -> None:
    assert all(Path(place).exists() for place in TESTS[module])
