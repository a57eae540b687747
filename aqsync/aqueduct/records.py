"""What the server's answers become: small values, nothing that talks to the server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class ExperimentRef(NamedTuple):
    """An experiment as the server described it in one answer."""

    uuid: UUID
    eid: str
    """The identifier that people use, such as ``20261123-1``."""
    title: str
    description: str
    """Empty where the server has none."""
    tags: tuple[str, ...]
    created_at: datetime
    """With its offset from UTC."""
    updated_at: datetime
    """Moves with title and description only; files and tags leave it alone."""


class ExperimentPage(NamedTuple):
    """Some of the experiments that a search found."""

    experiments: Sequence[ExperimentRef]
    """Newest first."""
    total: int
    """How many the whole search found."""


class RemoteFile(NamedTuple):
    """One file of an experiment, as the server lists it."""

    name: str
    modified_at: str
    """When its upload finished, by the server's clock: ISO 8601, letter for letter as it came, so
    that two listings can be compared."""


class FileLists(NamedTuple):
    """The files of several experiments, from one answer."""

    digest: bytes
    """SHA-256 of question and answer: the same again means that nothing has changed."""
    files: dict[UUID, list[RemoteFile] | None]
    """None for an experiment that does not exist (any more) for this user."""


class UploadReceipt(NamedTuple):
    """What the server said to an upload that it has stored."""

    server_date: datetime | None
    """The server's clock (UTC, whole seconds) when it answered; None if it did not say."""
