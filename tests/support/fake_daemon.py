"""Stands in for a daemon behind its Unix socket: a real engine and journal, and no loops."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aqsync.clock import Clock, SystemClock
from aqsync.config import load_config
from aqsync.errors import AqsyncError
from aqsync.journal import Journal
from aqsync.local.errands import Errands
from aqsync.service.web.control import ControlServer
from aqsync.service.web.models import DaemonStatus, FileUnderWay
from aqsync.sync.connection import connect
from aqsync.sync.order import Limits, Order
from aqsync.sync.push_report import push_and_report
from aqsync.sync.rate import RateLimit
from aqsync.sync.report import PushReport
from aqsync.sync.session import Session
from aqsync.sync.shared import Shared
from tests.support.fake_clock import START_NS

SECOND_NS = 1_000_000_000


class FakeDaemon:
    """Does what it is asked for, at once.

    Attributes:
        asked: Every order in order, as text.
        refuse: Raised by the next reload.
        stops: The event of each push.
        limits: The limits of each push.
        page: Where its status page is.
        page_problem: Why there is none.
    """

    def __init__(self, session: Session) -> None:
        self.config = session.config
        self.session = session
        self.journal = session.engine.journal
        self.asked: list[str] = []
        self.refuse: AqsyncError | None = None
        self.stops: list[threading.Event] = []
        self.limits: list[Limits] = []
        self.page: str | None = None
        self.page_problem: str | None = None

    def push(self, order: Order) -> PushReport:
        self.asked.append("push")
        self.stops.append(order.stopped)
        self.limits.append(order.limits)
        report = push_and_report(self.session, order)
        assert report is not None
        return report

    def look_again(self) -> None:
        self.asked.append("look again")

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        self.asked.append(f"pause {mapping} {seconds}")
        now_ns = self.session.engine.clock.now_ns()
        until_ns = None if seconds is None else now_ns + int(seconds * SECOND_NS)
        self.journal.pauses.pause(mapping or "", now_ns, until_ns)

    def resume(self, mapping: str | None) -> None:
        self.asked.append(f"resume {mapping}")
        self.journal.pauses.resume(mapping or "")

    def reload(self) -> None:
        self.asked.append("reload")
        if self.refuse is not None:
            raise self.refuse

    def status(self) -> DaemonStatus:
        return DaemonStatus(
            process=4711,
            version="0.0.0",
            config=str(self.config.path),
            mappings=[mapping.name for mapping in self.config.mappings],
            started_at_ns=START_NS,
            uploaded=3,
            bytes=3072,
            ready=5,
            page=self.page,
            page_problem=self.page_problem,
            under_way=[
                FileUnderWay(mapping="main", path="a.bin", size=4096, sent=1024, seconds=2.0)
            ],
        )


@contextmanager
def listening(worker: FakeDaemon, clock: Clock) -> Iterator[ControlServer]:
    """Take orders for a worker beside its journal."""
    server = ControlServer(worker.config.journal, worker, clock)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def fake_daemon(config_path: Path) -> Iterator[FakeDaemon]:
    """A stand-in for the daemon of a configuration, with its journal and server."""
    config, clock = load_config(config_path), SystemClock()
    with Journal.open_for_writing(config.journal, clock.now_ns()) as journal:
        shared = Shared(journal, clock, RateLimit(None, clock), Errands(clock))
        session = Session(config, connect(config), shared, config.mappings, orders_only=True)
        worker = FakeDaemon(session)
        with session.running(), listening(worker, clock):
            yield worker
