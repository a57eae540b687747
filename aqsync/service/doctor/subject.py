"""What is examined: configuration, server, journal, daemon and service, each asked for once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aqsync.aqueduct.client import Client
from aqsync.clock import Clock, SystemClock
from aqsync.config import Config, MappingConfig, ServerConfig, find_config, load_config, load_server
from aqsync.errors import AqsyncError, ConfigError, ServiceFailed
from aqsync.local.attended import AttendedDisk
from aqsync.local.disk import REAL_DISK
from aqsync.local.errands import Errands
from aqsync.local.ignore_file import load_rules
from aqsync.local.reach import Reach, look_below
from aqsync.local.roots import held_root
from aqsync.paths import absolute
from aqsync.service.web.client import DaemonClient
from aqsync.service.web.models import DaemonStatus
from aqsync.sync.connection import connect_to

if TYPE_CHECKING:
    from aqsync.service.installed import Installed

POSIX = os.name == "posix"
_MOST_LOOKED_AT = 1_000_000
"""Entries of one mapping."""


class CannotLook(Exception):
    """A check cannot be made, for a reason that another check reports."""


class Subject:
    """The set-up that is examined.

    Args:
        named: The configuration file that the command line names.
        service: The name of the service.
        clock: The time.
    """

    def __init__(self, named: Path | None, service: str, clock: Clock | None = None) -> None:
        self._named = named
        self._service = service
        self.clock = clock or SystemClock()
        self.errands = Errands(self.clock, own_threads=True)

    @cached_property
    def path(self) -> Path:
        """The configuration file.

        Raises:
            ConfigError: There is none.
        """
        return absolute(find_config(self._named))

    @cached_property
    def loaded(self) -> Config | ConfigError:
        """The configuration, or what is wrong with it."""
        try:
            return load_config(self.path)
        except ConfigError as exc:
            return exc

    @property
    def config(self) -> Config:
        """The configuration.

        Raises:
            CannotLook: It cannot be used.
        """
        if isinstance(self.loaded, ConfigError):
            raise CannotLook("without a valid configuration this cannot be looked at")
        return self.loaded

    @cached_property
    def section(self) -> ServerConfig:
        """How the server is reached; it may be known though the rest is wrong.

        Raises:
            CannotLook: It is not known.
        """
        try:
            return load_server(self.path)
        except ConfigError as exc:
            raise CannotLook("it is not known which server is meant") from exc

    @cached_property
    def server(self) -> Client:
        """The server; nothing is sent yet.

        Raises:
            ConfigError: The token, the address or the file of authorities cannot be used.
            CannotLook: It is not known which server is meant.
        """
        return connect_to(self.section)

    @cached_property
    def refusal(self) -> AqsyncError | None:
        """What the server, or the way to it, answers to a simple question; None: a good answer.

        Raises:
            CannotLook: It is not known which server is meant.
        """
        try:
            self.server.find(limit=1)
        except AqsyncError as exc:
            return exc
        return None

    @property
    def answering_server(self) -> Client:
        """The server, which lets this user in.

        Raises:
            CannotLook: It does not.
        """
        if self.refusal is not None:
            raise CannotLook("the server cannot be asked")
        return self.server

    @cached_property
    def services(self) -> list[Installed] | ServiceFailed:
        """The services of this name, or why they are not known."""
        if not POSIX:
            return ServiceFailed("this system has no systemd")
        from aqsync.service.installed import installed_services  # noqa: PLC0415 - POSIX alone

        try:
            return installed_services(self._service)
        except ServiceFailed as exc:
            return exc

    @property
    def service(self) -> Installed | None:
        """The service that works by this configuration, else another of this name."""
        if isinstance(self.services, ServiceFailed):
            return None
        with suppress(ConfigError):
            for found in self.services:
                if found.works_by(self.path):
                    return found
        return next(iter(self.services), None)

    @cached_property
    def own_service(self) -> Installed | None:
        """The service that works by this configuration."""
        with suppress(ConfigError):
            if self.service is not None and self.service.works_by(self.path):
                return self.service
        return None

    def require_own_eyes(self) -> None:
        """See that this process can look at what belongs to the service: only root can for others.

        Raises:
            CannotLook: The service runs as another user, and the caller is not root.
        """
        found = self.own_service
        if found is not None and found.runs_as_another and os.geteuid() != 0:
            raise CannotLook(f"the service runs as {found.run_as}: call it with sudo to look at it")

    @property
    def journal(self) -> Path:
        """The journal.

        Raises:
            CannotLook: It is not known, or another user's.
        """
        self.require_own_eyes()
        return self.config.journal

    @contextmanager
    def as_the_service(self) -> Iterator[None]:
        """Within, root has the variables of the service, so that both mean the same.

        Raises:
            ServiceFailed: The user that it runs as is not there.
        """
        found = self.own_service
        if not POSIX or os.geteuid() != 0 or found is None or found.user:
            yield
            return
        with found.surroundings():
            yield

    @property
    def user(self) -> int:
        """The number of the user that the service runs as, or that calls."""
        found = self.own_service
        if found is None or not found.runs_as_another:
            return os.geteuid()
        import pwd  # noqa: PLC0415 - POSIX alone has it

        return pwd.getpwnam(found.run_as or "").pw_uid

    @cached_property
    def reach(self) -> dict[str, Reach | AqsyncError]:
        """By mapping, what can be reached below its root, or why nothing can.

        Raises:
            CannotLook: No mappings are known.
        """
        return {mapping.name: self._reach(mapping) for mapping in self.config.mappings}

    def _reach(self, mapping: MappingConfig) -> Reach | AqsyncError:
        root, disk = mapping.directory, AttendedDisk(REAL_DISK)

        def look() -> Reach:
            with held_root(root, disk) as standing:
                rules = load_rules(mapping, standing.disk)
                return look_below(root, rules, _MOST_LOOKED_AT, standing.disk)

        try:
            return self.errands.run(root, look)
        except AqsyncError as exc:
            return exc

    @cached_property
    def daemon(self) -> DaemonStatus | AqsyncError | None:
        """What the running daemon says of itself, or why it says nothing; None: none runs.

        Raises:
            CannotLook: Its journal is not known, or another user's.
        """
        journal = self.journal
        try:
            daemon = DaemonClient.find(journal)
            if daemon is None:
                return None
            with daemon:
                return daemon.status()
        except AqsyncError as exc:
            return exc

    def close(self) -> None:
        """Close the connections to the server."""
        if "server" in vars(self):
            self.server.close()
