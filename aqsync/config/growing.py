"""The section ``growing``: versions of files that keep changing for long."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from aqsync.config.section import A_DURATION, DAY, SOME_PATTERNS, Patterns, Section, duration

DEFAULT_MATCH = ("*.log", "*.csv", "*.txt", "*.dat", "*.jsonl")
"""Files that programs append to, as a rule."""


class GrowingConfig(Section):
    """How often versions of a file go that keeps changing."""

    every: Annotated[float, BeforeValidator(duration), Field(ge=1, le=30 * DAY)] = Field(
        default=600.0, description=A_DURATION + ", from 1s to 30d"
    )
    """Seconds from one version to the next, at least."""
    budget: Annotated[float, Field(gt=1, le=1000, allow_inf_nan=False)] = Field(
        default=2.0, description="a number over 1, at most 1000"
    )
    """How many times the size of the newest version all of them together may cost."""
    match: Patterns = Field(default=DEFAULT_MATCH, description=SOME_PATTERNS)
    """Files that are sent while they grow."""


def _on_or_off(value: object) -> object:
    if value is True:
        return GrowingConfig()
    return None if value is False else value


GrowingOrOff = Annotated[GrowingConfig | None, BeforeValidator(_on_or_off)]
"""None: every file is sent when it has settled, and only then."""
EXPECTED = "off, or a section with the keys " + ", ".join(GrowingConfig.model_fields)
