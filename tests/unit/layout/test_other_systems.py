from __future__ import annotations

import pytest

from aqsync.layout.other_systems import not_on_windows, spelled_otherwise


def test_what_other_systems_take_for_one() -> None:
    paths = ["a", "A", "b/c", "B/d", "é", "e\u0301", "straße", "STRASSE", "x/y", "x/z"]
    assert spelled_otherwise(paths) == ["a", "b/c", "straße", "é"]
    assert spelled_otherwise(["x/y", "x/z", "xy"]) == []


@pytest.mark.parametrize(
    "path", ["a:b", "CON", "sub/aux.txt", "dot.", "blank ", "new\nline", "a\\b"]
)
def test_what_windows_does_not_have(path: str) -> None:
    assert not_on_windows(path)


@pytest.mark.parametrize("path", ["a b", "console", ".hidden", "µ", "a..b"])
def test_what_windows_has(path: str) -> None:
    assert not not_on_windows(path)
