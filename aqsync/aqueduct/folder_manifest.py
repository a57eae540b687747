"""The manifest that a script writes of a directory which it has put into an experiment."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from uuid import getnode

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Expected, ExperimentRef
from aqsync.errors import ManifestBroken
from aqsync.layout.manifest import (
    Entry,
    Header,
    ManifestFile,
    ManifestFolder,
    Source,
    is_honest,
    manifest_name,
    placed,
    read,
    write,
)

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class Sent(NamedTuple):
    """A file of the directory that is on the server."""

    path: str
    name: str
    size: int
    sha256: str
    mtime_ns: int
    modified_at: str
    """The server's time of this version; empty if that is not known."""


class FolderManifest:
    """The manifest of one directory of this machine in one experiment.

    Its name is made of the machine and the directory, so that a second upload of the same directory
    renews the manifest of the first. Where something else has that name, another is taken.

    Args:
        server: The server.
        found: The experiment.
        directory: The directory.
        prefix: What every name on the server begins with, if anything.
    """

    def __init__(
        self, server: Client, found: ExperimentRef, directory: Path, prefix: str | None
    ) -> None:
        self._server = server
        self._uuid = found.uuid
        self._eid = found.eid
        self._host = _text(socket.gethostname())
        self._directory = os.fsencode(os.path.abspath(directory))  # noqa: PTH100 - links stay
        self._source = Source(mapping="", directory=_text(self._directory), prefix=prefix)

    def renew(self, sent: Iterable[Sent], empty: Iterable[str], listed: Mapping[str, str]) -> None:
        """Write it anew: what was sent, what it had before and is still so, and empty folders.

        Args:
            sent: What is on the server now.
            empty: Empty folders of the directory.
            listed: By name, the time of each file in the experiment.

        Raises:
            RemoteError: It could not be stored.
        """
        name, before = self._own(listed)
        lines = {each.name: self._line(each, before.get(each.name)) for each in sent}
        for old in before.values():
            if old.name not in lines and listed.get(old.name) == old.modified_at:
                lines[old.name] = old
        header = Header(
            host=self._host,
            experiment=str(self._uuid),
            eid=self._eid,
            written_at=datetime.now(UTC).isoformat(),
            sources=(self._source,),
        )
        entries: list[Entry] = [lines[each] for each in sorted(lines)]
        entries += (
            ManifestFolder.model_validate(placed(path) | {"source": 0, "folder": True})
            for path in sorted(empty)
        )
        packed = BytesIO()
        write(packed, header, entries)
        content = packed.getvalue()
        expected = Expected(listed.get(name))
        self._server.upload(self._uuid, name, [content], len(content), expected=expected)

    def _own(self, listed: Mapping[str, str]) -> tuple[str, dict[str, ManifestFile]]:
        """Its name, and the files that it has so far."""
        for name in self._names():
            if name not in listed:
                return name, {}
            with suppress(ManifestBroken), self._server.download(self._uuid, name) as coming:
                header, entries = read(coming.chunks())
                if (header.host, header.sources) == (self._host, (self._source,)):
                    return name, {
                        entry.name: entry
                        for entry in entries
                        if isinstance(entry, ManifestFile) and is_honest(entry, header)
                    }
        raise AssertionError("there is no end of names")

    def _names(self) -> Iterator[str]:
        number = 0
        while True:
            seed = b"\0".join([_machine(), self._directory, b"%d" % number])
            yield manifest_name(
                self._source.prefix or self._host, hashlib.sha256(seed).hexdigest()[:12]
            )
            number += 1

    def _line(self, sent: Sent, before: ManifestFile | None) -> ManifestFile:
        if (
            before is not None
            and before.modified_at == sent.modified_at
            and (before.sha256, before.mtime_ns) == (sent.sha256, sent.mtime_ns)
        ):
            return before
        values = sent._asdict()
        values |= placed(values.pop("path"))
        return ManifestFile.model_validate(
            values | {"source": 0, "sent_at": sent.modified_at or datetime.now(UTC).isoformat()}
        )


def _machine() -> bytes:
    """What tells this machine from others."""
    for path in _MACHINE_IDS:
        with suppress(OSError):
            return path.read_bytes().strip()
    return b"%d" % getnode()


def _text(name: str | bytes) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
