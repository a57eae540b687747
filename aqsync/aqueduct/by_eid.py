"""Errors name experiments as people know them: by the EID, not by the UUID that requests carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, runtime_checkable
from uuid import UUID

from aqsync.errors import AqsyncError


@contextmanager
def named_by_eid(eids: Mapping[UUID, str]) -> Iterator[None]:
    """Within, the messages of errors have these EIDs in place of the UUIDs."""
    try:
        yield
    except AqsyncError as exc:
        name_by_eid(exc, eids)
        raise


def name_by_eid(error: AqsyncError, eids: Mapping[UUID, str]) -> None:
    """Put these EIDs in place of the UUIDs in what an error says."""
    for uuid, eid in eids.items():
        error.message = error.message.replace(str(uuid), eid)
        error.args = tuple(
            part.replace(str(uuid), eid) if isinstance(part, str) else part for part in error.args
        )


@runtime_checkable
class HasEid(Protocol):
    """An experiment, or what stands for one."""

    uuid: UUID
    eid: str
