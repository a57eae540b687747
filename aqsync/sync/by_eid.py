"""Errors name experiments as people know them: by the EID, not by the UUID that requests carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from aqsync.errors import AqsyncError


@contextmanager
def named_by_eid(eids: Mapping[UUID, str]) -> Iterator[None]:
    """Within, the messages of errors have these EIDs in place of the UUIDs."""
    try:
        yield
    except AqsyncError as exc:
        for uuid, eid in eids.items():
            exc.message = exc.message.replace(str(uuid), eid)
        raise
