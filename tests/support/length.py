"""What belongs to every run of the tests, and what only to the long one (`make test-long`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def long_but(count: int, values: Sequence[Any]) -> list[Any]:
    """Parameters of which only the first few belong to every run."""
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    return [
        pytest.param(*row, marks=pytest.mark.long if number >= count else ())
        for number, row in enumerate(rows)
    ]
