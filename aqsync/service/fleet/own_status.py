"""What this PC says of itself in its status file, and whose file stands under its name."""

from __future__ import annotations

import hashlib
import socket
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple

from aqsync import __version__
from aqsync.config.fleet import FleetConfig
from aqsync.errors import StatusFileBroken
from aqsync.journal.fleet import OwnStatus
from aqsync.layout.fleet import MOST_LISTED, MappingStatus, Need, Status, unseal
from aqsync.model import SECOND_NS
from aqsync.sync.overview import MappingOverview, Overview

_LONGEST_NAME = 100
"""Characters of a mapping's name that others see."""


class Whose(Enum):
    """Whose status file stands under the name of ours."""

    NOBODYS = auto()
    """There is none."""
    OURS = auto()
    ANOTHERS = auto()
    """It is of no PC that has our journal, or of another one that works with a copy of it."""


class Run(NamedTuple):
    """One start of the daemon."""

    id: str
    """12 hexadecimal digits, drawn at the start."""
    started_ns: int
    """By the clock of this PC."""


def whose(
    content: bytes | None, own: OwnStatus, run: Run, key: bytes | None, *, sent: bool
) -> Whose:
    """Tell whose status file stands under the name of ours: only ours is ever replaced.

    Args:
        content: What stands there; None: nothing.
        own: What the journal knows of ours.
        run: This start.
        key: What signs ours.
        sent: Whether this start has sent one.
    """
    if content is None:
        return Whose.NOBODYS
    if hashlib.sha256(content).digest() == own.sha256:
        return Whose.OURS
    try:
        status = unseal(content, key)
    except StatusFileBroken:
        return Whose.ANOTHERS
    if status.id != own.id:
        return Whose.ANOTHERS
    # One that the journal does not know: an earlier one of ours that somebody has put back, or the
    # last one of a journal that came from a backup. While we run, only another PC writes one.
    later = status.sequence >= own.sequence and status.run != run.id
    return Whose.ANOTHERS if later and sent else Whose.OURS


def sequence_in(content: bytes | None, key: bytes | None) -> int:
    """The number of a status file of ours; 0: there is none, or nothing can be read there."""
    try:
        return 0 if content is None else unseal(content, key).sequence
    except StatusFileBroken:
        return 0


def status_of(
    found: Overview,
    fleet: FleetConfig,
    experiment: str,
    own: OwnStatus,
    run: Run,
    server_time: datetime,
    *,
    stopped: bool,
) -> Status:
    """What this PC says of itself.

    Args:
        found: How everything stands.
        fleet: The section of the configuration, which names this PC.
        experiment: The UUID of the experiment that it is for.
        own: The id, and the number of this one.
        run: This start.
        server_time: What the server's clock shows.
        stopped: The daemon ends because somebody told it to.
    """

    def by_server(at_ns: int) -> datetime:
        """A time of this PC's clock by the server's."""
        ago_s = max(0, found.at_ns - at_ns) // SECOND_NS
        return max(
            server_time - timedelta(seconds=ago_s), datetime(1990, 1, 1, tzinfo=server_time.tzinfo)
        )

    needs: dict[tuple[str, str], Need] = {}
    for each in found.mappings:
        for group in each.needs_you:
            mapping, code = shown(each.mapping.name), group.first.why.reason.value
            known = needs.get((mapping, code), Need(mapping=mapping, code=code, files=0))
            counts = {"files": known.files + group.files, "actions": known.actions + group.actions}
            needs[mapping, code] = known.model_copy(update=counts)
    complete = found.complete_at_ns
    return Status(
        experiment=experiment,
        name=shown(fleet.name or ""),
        id=own.id,
        run=run.id,
        sequence=own.sequence,
        server_time=server_time,
        every_s=fleet.every,
        stopped=stopped,
        host=shown(socket.gethostname()),
        release=__version__[:64],
        started_at=by_server(run.started_ns),
        light=found.light.value,
        complete_at=None if complete is None else by_server(complete),
        files=found.to_come_files,
        bytes=found.to_come_bytes,
        files_for_person=found.files_for_person,
        actions_for_person=found.actions_for_person,
        mappings=tuple(
            MappingStatus(
                name=shown(each.mapping.name),
                light=each.light.value,
                files=each.not_there.files,
                bytes=each.not_there.bytes,
                oldest_since=None if (since := _oldest_ns(each)) is None else by_server(since),
            )
            for each in found.mappings[:MOST_LISTED]
        ),
        needs=tuple(islice(needs.values(), MOST_LISTED)),
    )


def _oldest_ns(each: MappingOverview) -> int | None:
    oldest = each.not_there.oldest
    return None if oldest is None else oldest.since_ns


def shown(text: str) -> str:
    """A name as JSON can carry it."""
    return text[:_LONGEST_NAME].encode(errors="replace").decode()
