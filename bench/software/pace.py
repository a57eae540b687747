"""How fast a measurement goes, and what its writer notes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Seen(NamedTuple):
    """What a package found in a version that it has opened."""

    rows: int
    whole: bool = True
    """Whether nothing is missing from what the version says it holds."""


@dataclass(slots=True)
class Pace:
    """The time of one run.

    Args:
        scale: By which all its times are multiplied; 1 is what laboratories do.
        truth: Where is noted what was stored when, a line each.
    """

    scale: float
    truth: Path
    _begin: float = field(default_factory=time.monotonic)

    def points(self, every_s: float, for_s: float) -> Iterator[int]:
        """Number the points of a sweep, and let each take its time.

        Args:
            every_s: From one point to the next.
            for_s: How long the sweep takes.
        """
        begin = time.monotonic()
        for number in range(max(1, round(for_s / every_s))):
            yield number
            rest = begin + (number + 1) * every_s * self.scale - time.monotonic()
            time.sleep(max(0.0, rest))

    def pause(self, seconds: float) -> None:
        """Do nothing, as a physicist between two runs."""
        time.sleep(seconds * self.scale)

    def note(self, what: str, rows: int) -> None:
        """Note that so many rows are stored by now."""
        with self.truth.open("a") as file:
            file.write(json.dumps({"at": time.time(), "what": what, "rows": rows}) + "\n")
