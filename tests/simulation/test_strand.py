"""A strand stands still and goes on as it is told."""

from __future__ import annotations

import pytest

from tests.simulation.strand import Strand


class Steps:
    """Work that stands still between two steps."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done: list[str] = []
        self.error = error
        self.strand = Strand(self.work)

    def work(self) -> None:
        self.done.append("first")
        try:
            self.strand.hang()
        finally:
            self.done.append("left")
        if self.error is not None:
            raise self.error
        self.done.append("second")


def test_it_goes_on_where_it_stood_still() -> None:
    steps = Steps()
    seen: list[tuple[bool, list[str]]] = []
    for _ in range(2):
        steps.strand.go()
        seen.append((steps.strand.hangs, [*steps.done]))
    assert seen == [(True, ["first"]), (False, ["first", "left", "second"])]


def test_what_it_raises_comes_out() -> None:
    steps = Steps(ValueError("here"))
    steps.strand.go()
    with pytest.raises(ValueError, match="here"):
        steps.strand.go()


def test_it_can_be_ended() -> None:
    steps = Steps()
    steps.strand.end(RuntimeError("it has not begun"))
    steps.strand.go()
    steps.strand.end(RuntimeError("killed"))
    assert steps.done == ["first", "left"]
    assert not steps.strand.hangs
