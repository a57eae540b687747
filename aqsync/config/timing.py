"""When things happen, and how fast: the sections ``transfer`` and ``schedule``."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    InstanceOf,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from aqsync.config.cron import Cron, parse_cron
from aqsync.config.section import A_DURATION, DAY, Section, duration, in_file
from aqsync.config.units import parse_duration, parse_rate
from aqsync.config.windows import Window, Windows, parse_window

LEAST_RATE = 16 * 1024
"""Bytes per second. At less, what several transfers share is so little that a proxy on the way
takes a connection for dead between two pieces."""

_MOST_S = 30 * DAY


def _window(value: object) -> object:
    return parse_window(value) if isinstance(value, str) else value


def windows_schema(_source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
    """How a list of windows is read."""
    item = Annotated[InstanceOf[Window], BeforeValidator(_window), PlainSerializer(str)]
    listed = tuple[item, ...]
    return core_schema.no_info_after_validator_function(Windows, handler(listed))


def _rate(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str):
        return float(parse_rate(value))
    if in_file(info) and type(value) in {int, float}:
        raise ValueError("the number has no unit")
    return value


def _occasion(value: object, info: ValidationInfo) -> float | Cron:
    if isinstance(value, Cron):
        return value
    if isinstance(value, str) and not _is_duration(value):
        return parse_cron(value)
    seconds = duration(value, info)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise PydanticKnownError("string_type")
    if not 1 <= seconds <= _MOST_S:
        raise ValueError(f"{value} is not from 1s to 30d")
    return float(seconds)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        if len(text.split()) <= 1:
            raise
        return False
    return True


Rate = Annotated[float, BeforeValidator(_rate), Field(ge=LEAST_RATE, allow_inf_nan=False)]
Interval = Annotated[float, BeforeValidator(duration), Field(ge=1, le=_MOST_S)]
Occasion = Annotated[
    float | Cron,
    PlainValidator(_occasion),
    PlainSerializer(lambda occasion: getattr(occasion, "text", occasion)),
]
"""Seconds between one time and the next, or the times themselves."""

_AN_INTERVAL = A_DURATION + ", from 1s to 30d"
_AN_OCCASION = 'a duration such as 15m, from 1s to 30d, or a cron expression such as "30 3 * * *"'


class Transfer(Section):
    """When files may travel, and how fast."""

    windows: Annotated[Windows, GetPydanticSchema(windows_schema)] = Field(
        default=Windows(),
        description='a list of windows such as ["22:00-06:00", "sat,sun 00:00-24:00"]',
    )
    """Empty: always."""
    rate: Rate | None = Field(
        default=None, description="bytes per second such as 20 MiB/s, at least 16 KiB/s, or null"
    )
    """Bytes per second of all transfers together; None: as fast as it goes."""


class Schedule(Section):
    """How often things are done that no event asks for."""

    rescan: Interval = Field(default=900.0, description=_AN_INTERVAL)
    """Seconds from one whole look at a directory to the next, give or take a tenth."""
    rescan_without_events: Interval = Field(default=60.0, description=_AN_INTERVAL)
    """The same where the system does not tell reliably what changes."""
    mirror: Occasion = Field(default=900.0, description=_AN_OCCASION)
    """When the server's file lists are fetched."""
    housekeeping: Occasion = Field(default=parse_cron("30 3 * * *"), description=_AN_OCCASION)
    """When the journal is tidied."""
    keep_history: Annotated[float, BeforeValidator(duration), Field(ge=0, le=3650 * DAY)] = Field(
        default=90 * DAY, description="a duration such as 90d, at most 3650d"
    )
    """Seconds for which the journal remembers what happened."""
