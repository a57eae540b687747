"""Checks of arguments beyond their GraphQL type."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from aqsync.server.errors import OperationRefused


def parsed_uuid(text: str) -> UUID:
    """Return the UUID that a text names.

    Raises:
        OperationRefused: It names none.
    """
    try:
        return UUID(text)
    except ValueError as exc:
        raise OperationRefused(str(exc)) from exc


def in_utc(time: datetime | None) -> datetime | None:
    """Return a time in UTC; one without an offset is this machine's, as on the real server.

    Raises:
        OperationRefused: It is out of the range of dates.
    """
    if time is None:
        return None
    try:
        return time.astimezone(UTC)
    except (OverflowError, ValueError) as exc:
        raise OperationRefused(str(exc)) from exc
