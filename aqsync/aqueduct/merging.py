"""Moves the files of one experiment into another, and loses none."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.graphql import ARCHIVED
from aqsync.aqueduct.records import Expected, ExperimentRef
from aqsync.errors import ConfigError, RemoteChanged
from aqsync.layout.identity import TAG_PREFIX

_CHUNK = 512 * 1024


class Merged(NamedTuple):
    """What became of one file."""

    name: str
    was_there: bool = False
    """The other experiment had it, with the same content."""
    left: str = ""
    """Why it was left where it is; empty: it was moved."""


def shared_identities(double: ExperimentRef, kept: ExperimentRef) -> list[str]:
    """The tags by which aqsync finds both experiments.

    Raises:
        ConfigError: They belong to no folder together, or the wrong one would be kept.
    """
    theirs = {tag.lower() for tag in kept.tags}
    shared = [t for t in double.tags if t.lower() in theirs and t.lower().startswith(TAG_PREFIX)]
    if double.uuid == kept.uuid or not shared:
        raise ConfigError(
            f"{double.eid} and {kept.eid} are not two experiments of one folder: no tag"
            f" {TAG_PREFIX}... is on both",
            hint="`aqsync status` names experiments that are",
        )
    if (double.created_at, str(double.uuid)) < (kept.created_at, str(kept.uuid)):
        raise ConfigError(
            f"{double.eid} is older than {kept.eid}, so it is the one that counts",
            hint=f"aqsync experiment merge {kept.eid} --into {double.eid}",
        )
    return shared


def merge(server: Client, double: ExperimentRef, kept: ExperimentRef) -> Iterator[Merged]:
    """Move the files of a double into the experiment that counts, one after the other.

    A file is removed from the double once the other experiment was seen to have its bytes. Of two
    files with one name and other content both stay where they are. When nothing is left, the
    double is archived and loses the tag by which it was found.

    Raises:
        ConfigError: They are no doubles.
        RemoteError: The server cannot be asked; what was moved stays moved.
    """
    shared = shared_identities(double, kept)
    names = sorted(_list(server, double.uuid))
    left = False
    for name in names:
        done = _move(server, double.uuid, kept.uuid, name)
        left = left or bool(done.left)
        yield done
    if not left and not _list(server, double.uuid):
        server.add_tags(double.uuid, [ARCHIVED])
        for tag in shared:
            server.remove_tag(double.uuid, tag)


def _move(server: Client, double: UUID, kept: UUID, name: str) -> Merged:
    before = _list(server, double).get(name)
    if before is None:
        return Merged(name, left="it is gone")
    with tempfile.TemporaryFile() as content:
        digest = _fetch(server, double, name, content)
        size = content.tell()
        if was_there := name in _list(server, kept):
            if _fetch(server, kept, name) != digest:
                return Merged(name, left="the other experiment has another file of this name")
        else:
            content.seek(0)
            chunks = iter(lambda: content.read(_CHUNK), b"")
            try:
                server.upload(kept, name, chunks, size, expected=Expected(None))
            except RemoteChanged:
                return Merged(name, left="the other experiment has just got a file of this name")
            if _fetch(server, kept, name) != digest:
                return Merged(name, left="the server has not kept what was sent")
    if _list(server, double).get(name) != before:
        return Merged(name, was_there, left="it was replaced meanwhile")
    try:
        server.remove_files(double, [name], expected=Expected(before))
    except RemoteChanged:
        return Merged(name, was_there, left="it was replaced meanwhile")
    return Merged(name, was_there)


def _list(server: Client, uuid: UUID) -> dict[str, str]:
    """The files of an experiment, by name, with their times."""
    found = server.list_files([uuid])
    files = None if found is None else found.files[uuid]
    return {} if files is None else dict(files)


def _fetch(server: Client, uuid: UUID, name: str, into: IO[bytes] | None = None) -> bytes:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with server.download(uuid, name) as found:
        for chunk in found.chunks():
            digest.update(chunk)
            if into is not None:
                into.write(chunk)
    return digest.digest()
