"""Which files belong together, and when they are complete: the section ``measurement``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aqsync.config import patterns
from aqsync.config.section import A_DURATION, SOME_PATTERNS, Duration, Patterns, Section
from aqsync.model import Needs, Sending


class Completion(Section):
    """When a measurement is complete; at least one condition is named."""

    sentinel: Patterns = Field(default=(), description=SOME_PATTERNS)
    """A file in the folder that one of these names is there."""
    newer_sibling: bool = Field(default=False, description="on or off")
    """A folder beside it, of the same pattern, has a later name."""
    quiet: Duration | None = Field(default=None, description=A_DURATION + ", at most 30d")
    """Seconds for which nothing in it has changed."""
    closed: bool = Field(default=False, description="on or off")
    """No file of it is open for writing, as far as the system tells."""
    needs: Needs = Field(default=Needs.ANY, strict=False, description="any or all")

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if not (self.sentinel or self.newer_sibling or self.quiet is not None or self.closed):
            raise ValueError("it names no condition: sentinel, newer_sibling, quiet or closed")
        return self


class Measurement(Section):
    """Folders whose files belong together."""

    folder: str = Field(description='a pattern of folders such as "{date}/{run}/"')
    complete: Completion = Field(
        description="a section with one or more of the keys " + ", ".join(Completion.model_fields)
    )
    send: Sending = Field(
        default=Sending.AS_SETTLED, strict=False, description="as_settled or when_complete"
    )
    last: Patterns = Field(default=(), description=SOME_PATTERNS)
    """Files that are sent after all others of their measurement, in this order."""

    @field_validator("folder")
    @classmethod
    def _check_folder(cls, folder: str) -> str:
        patterns.compile_path_pattern(folder)
        if folder.rstrip("/").rpartition("/")[2] == "**":
            raise ValueError(f"{folder!r} ends with **: a pattern of folders names each folder")
        return folder


def _off(value: object) -> object:
    return None if value is False else value


MeasurementOrOff = Annotated[Measurement | None, BeforeValidator(_off)]
"""None: each file stands for itself."""
EXPECTED = "off, or a section with the keys " + ", ".join(Measurement.model_fields)
