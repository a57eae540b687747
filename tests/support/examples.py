"""How many examples a property is tried on: few in every run, as many as one likes on demand."""

from __future__ import annotations

import os

from hypothesis import settings

FACTOR = int(os.environ.get("AQSYNC_EXAMPLES", "1"))
"""``make properties`` raises it, and takes other examples each time."""


def examples(count: int, *, steps: int = 50) -> settings:
    """So many examples of at most so many steps, times the factor asked for."""
    return settings(max_examples=count * FACTOR, stateful_step_count=steps)
