"""What every section of a configuration is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from aqsync.config import patterns
from aqsync.config.units import parse_duration
from aqsync.config.written_path import written_path
from aqsync.paths import absolute

DAY = 86400.0
A_DURATION = "a duration such as 5s, 500ms or 1h30m"
SOME_PATTERNS = 'a list of gitignore-style patterns such as ["*.tmp", ".git/"]'


class Section(BaseModel):
    """What all parts of a configuration share: frozen, strict, and no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


def in_file(info: ValidationInfo) -> bool:
    """Whether the value stands in a file, where a number without its unit could mean anything."""
    return info.context is not None


def duration(value: object, info: ValidationInfo) -> object:
    """Read a duration; in code a number means seconds."""
    if isinstance(value, str):
        return parse_duration(value)
    if in_file(info) and type(value) in {int, float} and value != 0:
        raise ValueError("the number has no unit")
    return value


def _local_path(value: object, info: ValidationInfo) -> object:
    """Expand ``~`` and take a relative path from the folder of the configuration file."""
    folder = (info.context or {}).get("folder", Path())
    if isinstance(value, Path):
        return absolute(folder / value)
    if not isinstance(value, str):
        return value
    return written_path(value, folder)


Duration = Annotated[float, BeforeValidator(duration), Field(ge=0, le=30 * DAY)]
TimeLimit = Annotated[float, BeforeValidator(duration), Field(gt=0, le=DAY)]
Patterns = tuple[Annotated[str, AfterValidator(patterns.check_pattern)], ...]
LocalPath = Annotated[Path, BeforeValidator(_local_path)]
"""Absolute."""
