"""The status files in the fleet's experiment, read within bounds whatever others put there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.download import Download
from aqsync.errors import (
    BadAnswer,
    ExperimentNotFound,
    RemoteFileNotFound,
    StatusFileBroken,
)
from aqsync.layout.fleet import MOST_BYTES, Status, fleet_name, label_in, unseal

MOST_FILES = 1000
"""Status files that are read at most: the newest."""


class StatusFile(NamedTuple):
    """One status file, as it was found."""

    name: str
    """Its name on the server."""
    modified_at: datetime | None
    """When it was uploaded, by the server's clock; None: the server does not say."""
    status: Status | None
    """What it says; None: it cannot be read, or is not to be believed."""
    problem: str = ""
    hint: str = ""

    @property
    def label(self) -> str:
        """The PC's name as far as the file's name tells."""
        return label_in(self.name) or self.name


class StatusFiles(NamedTuple):
    """All status files of a fleet."""

    now: datetime
    """What the server's clock showed before any of them was read."""
    then: datetime
    """What it showed when all were read: thousands may take minutes."""
    files: list[StatusFile]
    not_read: int
    """How many were too many to be read."""


def read_files(
    server: Client, uuid: UUID, key: bytes | None, *, only: str | None = None
) -> StatusFiles:
    """Read the status files of an experiment.

    Args:
        server: Where they are.
        uuid: The experiment.
        key: What must have signed them; None: nobody asks.
        only: Only those whose file name has this label.

    Raises:
        RemoteError: The server cannot be asked, or does not tell its time.
        ExperimentNotFound: There is no such experiment for this user.
    """
    now = server_time(server)
    lists = server.list_files([uuid])
    listed = None if lists is None else lists.files[uuid]
    if listed is None:
        raise ExperimentNotFound(f"experiment {uuid} does not exist for this user")
    # The server's times are ISO 8601 in UTC, so as texts they are in order too.
    named = sorted(
        (file for file in listed if _is_wanted(label_in(file.name), only)),
        key=lambda file: (file.modified_at, file.name),
        reverse=True,
    )
    files = [_read(server, uuid, f.name, f.uploaded_at, key) for f in named[:MOST_FILES]]
    there = [file for file in files if file is not None]
    return StatusFiles(now, server_time(server), there, len(named) - len(files))


def content_of(server: Client, uuid: UUID, name: str) -> bytes | None:
    """What stands under a name, at most a byte more than a status file can have; None: nothing."""
    try:
        with server.download(uuid, name) as coming:
            return _bounded(coming.chunks())
    except RemoteFileNotFound:
        return None


def server_time(server: Client) -> datetime:
    """What the server's clock shows.

    Raises:
        BadAnswer: It does not say.
    """
    found = server.server_time()
    if found is None:
        raise BadAnswer(
            "the server does not tell its time, so nobody can tell how old a status file is",
            hint="a proxy on the way drops the header Date; let it through",
        )
    return found


def _is_wanted(label: str | None, only: str | None) -> bool:
    return label is not None and only in {None, label}


def _read(
    server: Client, uuid: UUID, name: str, listed: datetime | None, key: bytes | None
) -> StatusFile | None:
    try:
        with server.download(uuid, name) as coming:
            # It may have been replaced since it was listed.
            modified_at = _modified_at(coming) or listed
            if coming.length is not None and coming.length > MOST_BYTES:
                return StatusFile(name, modified_at, None, "it is too large to be a status file")
            content = _bounded(coming.chunks())
    except RemoteFileNotFound:
        return None  # it was removed since it was listed
    try:
        status = unseal(content, key)
    except StatusFileBroken as exc:
        return StatusFile(name, modified_at, None, exc.message, exc.hint)
    if fleet_name(status.name, status.id) != name or status.experiment != str(uuid):
        said = "it was written for another name or experiment"
        return StatusFile(name, modified_at, None, said)
    return StatusFile(name, modified_at, status)


def _modified_at(coming: Download) -> datetime | None:
    second = coming.modified_second
    return None if second is None else datetime.fromtimestamp(second, UTC)


def _bounded(chunks: Iterable[bytes]) -> bytes:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > MOST_BYTES:
            break
    return bytes(found[: MOST_BYTES + 1])
