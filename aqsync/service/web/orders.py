"""What commands may ask of the daemon: one route for each order.

A command reads the configuration as it is now, the daemon works by the one that it has taken over.
So an order that names one is refused unless both mean the same by it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from aqsync.clock import Clock
from aqsync.config import Config, MappingConfig
from aqsync.config.places import real_path
from aqsync.errors import ConfigError
from aqsync.journal import Journal
from aqsync.log import Log
from aqsync.model import FileRecord
from aqsync.service.web.app import read
from aqsync.service.web.models import (
    Content,
    DaemonStatus,
    M,
    Measurements,
    MeasurementStatus,
    Nothing,
    PauseRequest,
    PushRequest,
    ResumeRequest,
    RetryRequest,
    SetFree,
    event_to_dict,
)
from aqsync.service.web.work import Work
from aqsync.sync.measured import measured_of
from aqsync.sync.order import Limits, Order
from aqsync.sync.progress import Show, Throttled
from aqsync.sync.report import PushReport
from aqsync.sync.retry import accept, leave, set_free, want_again

log = Log(__name__)


class Worker(Protocol):
    """The daemon, as far as orders need it; several threads call it. Its errors are told."""

    @property
    def config(self) -> Config: ...  # noqa: D102 - what these do, the daemon says
    @property
    def journal(self) -> Journal: ...  # noqa: D102
    def push(self, order: Order) -> PushReport: ...  # noqa: D102
    def look_again(self) -> None: ...  # noqa: D102
    def pause(self, mapping: str | None, seconds: float | None) -> None: ...  # noqa: D102
    def resume(self, mapping: str | None) -> None: ...  # noqa: D102
    def reload(self) -> None: ...  # noqa: D102
    def status(self) -> DaemonStatus: ...  # noqa: D102


def order_routes(worker: Worker, clock: Clock) -> list[BaseRoute]:
    """What the daemon serves on its Unix socket.

    Args:
        worker: Does what is asked for.
        clock: The time.
    """
    orders = Orders(worker, clock)

    async def status(_request: Request) -> Work:
        return Work(lambda _work: worker.status(), "status")

    async def measurements(_request: Request) -> Work:
        return Work(lambda _work: orders.measurements(), "measurements")

    def push(asked: PushRequest, work: Work) -> Content:
        throttled = Throttled(lambda event: work.tell(event_to_dict(event)), clock)
        report = orders.push(asked, throttled, work.stop)
        throttled.flush()
        return report.to_dict()

    return [
        Route("/status", status),
        Route("/measurements", measurements),
        _order("push", PushRequest, push),
        _order("retry", RetryRequest, lambda asked, _work: orders.retry(asked)),
        _order("pause", PauseRequest, lambda asked, _work: orders.pause(asked)),
        _order("resume", ResumeRequest, lambda asked, _work: orders.resume(asked)),
        _order("reload", Nothing, lambda _asked, _work: orders.reload()),
    ]


class Orders:
    """What each order means, by whatever way it came; all may block.

    Args:
        worker: Does what is asked for.
        clock: The time.
    """

    def __init__(self, worker: Worker, clock: Clock) -> None:
        self._worker = worker
        self._clock = clock

    def measurements(self) -> Measurements:
        """How every measurement stands."""
        now_ns, found = self._clock.now_ns(), list[MeasurementStatus]()
        for mapping in self._worker.config.mappings:
            measured = measured_of(self._worker.journal, mapping, now_ns)
            for each in [] if measured is None else measured.all():
                status = MeasurementStatus(
                    mapping=mapping.name,
                    folder=each.folder,
                    state=each.state.value,
                    code=each.why.reason.value,
                    reason=each.words,
                    files=each.files,
                    not_there=each.not_there,
                    bytes=each.bytes,
                    changed_at_ns=each.since_ns,
                )
                found.append(status)
        return Measurements(measurements=found)

    def push(self, request: PushRequest, show: Show, stop: threading.Event) -> PushReport:
        """Push, and say what was done.

        Args:
            request: What to push.
            show: Told what happens meanwhile.
            stop: Set once no more is wanted than what is done.
        """
        limits = self._limits(request)
        log.info("asked to push", mappings=len(request.mappings))
        return self._worker.push(Order(limits, show, stop))

    def allow_replacing(self, files: Sequence[FileRecord]) -> None:
        """Let a push replace what stands under these names: each only as it is in its record."""
        log.info("asked to replace", files=len(files))
        self._worker.journal.outcomes.allow_replacing(files)

    def look_again(self) -> None:
        """Look at everything again, and see whether what was refused is allowed now."""
        self._worker.journal.refusals.end_pauses(self._clock.now_ns())
        self._worker.look_again()

    def accept(self, mapping: MappingConfig) -> None:
        """Accept a directory as it is now, and nothing else."""
        accept(self._worker.journal, [mapping])
        log.info("asked to accept a directory", mapping=mapping.name)
        self._worker.look_again()

    def retry(self, request: RetryRequest) -> SetFree:
        """Set files free, accept directories, or want actions again."""
        config = self._config_of(request.config)
        mappings = _known(config, request.mappings) if request.mappings else config.mappings
        paths = [Path(path) for path in request.paths]
        if request.actions and request.leave:
            left = leave(self._worker.journal, mappings, paths, self._clock.now_ns())
            log.info("asked to leave failed actions as they are", actions=left)
            return SetFree(files=left)
        if request.actions:
            wanted = want_again(self._worker.journal, mappings, paths)
            log.info("asked to run actions again", actions=wanted)
            self._worker.look_again()
            return SetFree(files=wanted)
        accept_roots = bool(request.mappings and not paths)
        now_ns = self._clock.now_ns()
        freed = set_free(self._worker.journal, mappings, paths, now_ns, accept_roots=accept_roots)
        log.info("asked to retry", files=freed)
        self._worker.look_again()
        return SetFree(files=freed)

    def pause(self, request: PauseRequest) -> Nothing:
        """Send nothing for a while."""
        if request.mapping is not None:
            _known(self._worker.config, [request.mapping])
        self._worker.pause(request.mapping, request.seconds)
        return Nothing()

    def resume(self, request: ResumeRequest) -> Nothing:
        """Send again."""
        self._worker.resume(request.mapping)
        return Nothing()

    def reload(self) -> Nothing:
        """Take over the configuration as it is now."""
        self._worker.reload()
        return Nothing()

    def _limits(self, request: PushRequest) -> Limits:
        """How far to go, once command and daemon mean the same by it."""
        config = self._config_of(request.config)
        for mapping in _known(config, request.mappings):
            directory = request.mappings[mapping.name]
            if not _same(mapping.directory, Path(directory)):
                raise _not_yet(f"that the directory of {mapping.name!r} is {directory}")
        for path in itertools.chain(*request.within.values()):
            if path.startswith("/") or ".." in path.split("/"):
                raise ConfigError(f"{path!r} leads out of its mapping's directory")
        return Limits(
            request.wait,
            request.longest_wait_s,
            request.overwrite,
            {name: tuple(paths) for name, paths in request.within.items()},
            mappings=tuple(request.mappings),
            at_once=request.at_once,
            tidy=request.tidy,
            kept={name: tuple(paths) for name, paths in request.kept.items()},
            freed={
                name: {path: proved.freed for path, proved in files.items()}
                for name, files in request.freed.items()
            },
        )

    def _config_of(self, path: str) -> Config:
        """The daemon's configuration, if it came from this file."""
        config = self._worker.config
        if not _same(Path(path), config.path):
            raise ConfigError(
                f"the daemon that writes this journal works by {config.path}, not by {path}",
                hint=f"give --config {config.path}, or another `journal` in {path}",
            )
        return config


def _order(name: str, kind: type[M], carry_out: Callable[[M, Work], Content]) -> Route:
    async def serve(request: Request) -> Work:
        asked = await read(request, kind)
        return Work(lambda work: carry_out(asked, work), name)

    return Route(f"/{name}", serve, methods=["POST"])


def _known(config: Config, names: Iterable[str]) -> tuple[MappingConfig, ...]:
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
