"""What can be set on the embedded server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from aqsync.server.errors import ServerStartError

Addresses = frozenset[IPv4Address | IPv6Address]

DEFAULT_MAX_FILE_BYTES = 4 * 1024**3
"""4 GiB, as on an Aqueduct server whose settings were left alone."""


DEFAULT_MAX_TASKS = 2


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where a server keeps what it is given.

    Args:
        data: The directory that holds what is kept nowhere else; made if it is missing. None: a
            temporary one; only with both `database` and `files`.
        database: The URL of the PostgreSQL database; none: a file in `data`.
        files: The directory or the bucket that has the contents of files; none: folders in `data`.
    """

    data: Path | None
    database: str | None = field(default=None, repr=False)
    files: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings by which something would be kept nowhere.

        Raises:
            ServerStartError: They name no place for it.
        """
        if self.data is None and (self.database is None or self.files is None):
            raise ServerStartError(
                "nothing says where all is to be kept",
                "Name a directory by --data, or both --database and --files.",
            )

    @property
    def is_shared(self) -> bool:
        """Whether several processes can keep everything there."""
        return self.database is not None and self.files is not None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What one server serves.

    Args:
        storage: Where it is kept.
        token: What a client must send as ``Authorization: Bearer TOKEN``; none lets all in.
        max_file_bytes: The largest file that is accepted, in bytes.
        extensions: The directory that holds a folder for each extension; none: no extensions.
        max_tasks: How many tasks run at once, at least 1; the others wait.
        allowed_hosts: Further names under which the server may be asked for, in lower case.
        quota: How many bytes all files together may have; none: as many as fit.
        reserve: How many bytes of the disk stay free; none: 5 % of it, but at most 1 GiB.
        proxies: The addresses of the proxies in front of it.
        workers: How many processes answer.
        rate_limit: Requests a second of each owner of tokens, or address; none: no limit.
        tls: The files of the certificate and its key; none: plain HTTP.
        explorer: Whether a browser at ``/api/graphql`` gets a page to ask from.
    """

    storage: StorageSettings
    token: str | None = field(default=None, repr=False)
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    extensions: Path | None = None
    max_tasks: int = DEFAULT_MAX_TASKS
    allowed_hosts: frozenset[str] = frozenset()
    quota: int | None = None
    reserve: int | None = None
    proxies: Addresses = frozenset()
    workers: int = 1
    rate_limit: float | None = None
    tls: tuple[Path, Path] | None = None
    explorer: bool = False

    def of_worker(self, number: int) -> ServerSettings:
        """Return the settings of one of several processes: each has a directory of its own."""
        if self.storage.data is None:
            return self
        data = self.storage.data / f"worker-{number}"
        return replace(self, storage=replace(self.storage, data=data))
