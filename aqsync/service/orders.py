"""From what a command asks for to what the daemon does, once both mean the same by it.

A command reads the configuration as it is now, the daemon works by the one that it has taken over.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from aqsync.clock import Clock
from aqsync.config import Config, Mapping
from aqsync.config.places import real_path
from aqsync.errors import ConfigError
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.service.control.commands import DaemonStatus
from aqsync.service.control.protocol import PushRequest, RetryRequest
from aqsync.sync.progress import Reporter
from aqsync.sync.push import Limits
from aqsync.sync.report import PushReport
from aqsync.sync.retry import set_free

log = Log(__name__)


class Worker(Protocol):
    """What takes orders: the daemon."""

    @property
    def config(self) -> Config:
        """What it works by now."""
        ...

    @property
    def journal(self) -> Journal:
        """What it writes."""
        ...

    def push(self, limits: Limits, reporter: Reporter, stop: threading.Event) -> PushReport:
        """Push beside everything else."""
        ...

    def look_again(self) -> None:
        """What people decided may have changed what there is to do."""
        ...

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        """Leave a mapping, or all, alone."""
        ...

    def resume(self, mapping: str | None) -> None:
        """Go on with a mapping, or with all."""
        ...

    def reload(self) -> None:
        """Take over the configuration as it is now."""
        ...

    def status(self) -> DaemonStatus:
        """What it does now."""
        ...


class Orders:
    """The commands that come by the local socket; see `aqsync.service.control.commands.Commands`.

    Args:
        worker: Does what they ask for.
        clock: The time.
    """

    def __init__(self, worker: Worker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def push(
        self, request: PushRequest, reporter: Reporter, stop: threading.Event
    ) -> dict[str, Any]:
        """Push as asked.

        Raises:
            ConfigError: The daemon works by another configuration, or a path is not known.
        """
        config = self._config_of(request.config)
        for mapping in _known(config, request.mappings):
            directory = request.mappings[mapping.name]
            if not _same(mapping.directory, Path(directory)):
                raise _not_yet(f"that the directory of {mapping.name!r} is {directory}")
        for path in itertools.chain(*request.within.values()):
            if path.startswith("/") or ".." in path.split("/"):
                raise ConfigError(f"{path!r} leads out of its mapping's directory")
        limits = Limits(
            request.wait,
            request.longest_wait_s,
            request.overwrite,
            request.within,
            mappings=tuple(request.mappings),
            windows=config.transfer.windows,
            at_once=request.at_once,
        )
        log.info("asked to push", mappings=len(request.mappings))
        return self._worker.push(limits, reporter, stop).to_dict()

    def retry(self, request: RetryRequest) -> int:
        """Set files free; returns how many.

        Raises:
            ConfigError: The daemon works by another configuration, or a path is not known.
        """
        config = self._config_of(request.config)
        mappings = _known(config, request.mappings) if request.mappings else config.mappings
        paths = [Path(path) for path in request.paths]
        accept_roots = bool(request.mappings and not paths)
        now_ns = self._clock.now_ns()
        freed = set_free(self._worker.journal, mappings, paths, now_ns, accept_roots=accept_roots)
        log.info("asked to retry", files=freed)
        self._worker.look_again()
        return freed

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        """Send nothing of a mapping, or of all, for so long, or until somebody resumes.

        Raises:
            ConfigError: The daemon does not know the mapping.
        """
        if mapping is not None:
            _known(self._worker.config, [mapping])
        self._worker.pause(mapping, seconds)

    def resume(self, mapping: str | None) -> None:
        """End the pause of a mapping, or every pause."""
        self._worker.resume(mapping)

    def reload(self) -> None:
        """Take over the configuration as it is now.

        Raises:
            ConfigError: It is wrong; the old one stays.
        """
        self._worker.reload()

    def status(self) -> DaemonStatus:
        """Say what is under way."""
        return self._worker.status()

    def _config_of(self, path: str) -> Config:
        """The daemon's configuration, if it came from this file."""
        config = self._worker.config
        if not _same(Path(path), config.path):
            raise ConfigError(
                f"the daemon that writes this journal works by {config.path}, not by {path}",
                hint=f"give --config {config.path}, or another `journal` in {path}",
            )
        return config


def _known(config: Config, names: Iterable[str]) -> tuple[Mapping, ...]:
    known = {mapping.name: mapping for mapping in config.mappings}
    for name in names:
        if name not in known:
            raise _not_yet(f"the mapping {name!r}")
    return tuple(known[name] for name in names)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one place; what is written alike need not be asked for."""
    return one == other or real_path(one) == real_path(other)


def _not_yet(what: str) -> ConfigError:
    return ConfigError(
        f"the daemon does not know {what}",
        hint="`aqsync reload` has it take over the changed configuration",
    )
