"""The daemon: one process, one journal, and a session for each configuration.

Signals: SIGHUP reloads; SIGTERM and SIGINT stop, after what is under way has ended or the
deadline has come; a second one breaks everything off at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable

from aqsync import __version__
from aqsync.aqueduct.client import Client
from aqsync.clock import Clock
from aqsync.config import Config, load_config
from aqsync.errors import (
    AqsyncError,
    ConfigError,
    DaemonStopped,
    ExitCode,
    JournalBroken,
    JournalError,
    JournalReplaced,
)
from aqsync.journal import Journal
from aqsync.journal.pauses import EVERYTHING
from aqsync.local.aside import left_aside
from aqsync.local.errands import Errands
from aqsync.local_time import local_text
from aqsync.log import Log
from aqsync.model import SECOND_NS
from aqsync.service.board import Board
from aqsync.service.calendar import Calendar
from aqsync.service.confinement import require_seen, warn_of_unseen
from aqsync.service.fleet.view import Fleet
from aqsync.service.metrics.collect import Metrics
from aqsync.service.page.server import PageServer
from aqsync.service.signals import Signals
from aqsync.service.systemd_notify import Notifier
from aqsync.service.telling import Telling
from aqsync.service.web.control import ControlServer
from aqsync.service.web.models import DaemonStatus, FileUnderWay
from aqsync.sync.loop import STUCK_S
from aqsync.sync.order import Order
from aqsync.sync.overview import Doubts
from aqsync.sync.push_report import push_and_report
from aqsync.sync.rate import RateLimit
from aqsync.sync.report import PushReport
from aqsync.sync.server_poller import ServerPoller
from aqsync.sync.session import Session
from aqsync.sync.shared import Shared
from aqsync.wording import counted

STOP_DEADLINE_S = 20.0
"""Transfers that have not ended so long after the signal are broken off: below systemd's limit."""
TICK_S = 5.0
"""Between two looks at whether everything gets on."""
SLOW_START_S = 10.0
"""Root directories that take longer to look at do not keep the daemon from being ready."""

log = Log(__name__)


class Daemon:
    """Keeps the server filled until it is told to stop.

    Args:
        config: The first configuration; later ones are read from its path.
        journal: Open for writing; the caller closes it.
        connect: From a configuration to its server.
        clock: The time.
        notifier: Tells systemd.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        connect: Callable[[Config], Client],
        clock: Clock,
        notifier: Notifier,
    ) -> None:
        self._journal = journal
        self._connect = connect
        self._clock = clock
        self._notifier = notifier
        rate = RateLimit(config.transfer.rate, clock)
        self._shared = Shared(journal, clock, rate, Errands(clock, own_threads=True))
        self._started_ns = clock.now_ns()
        self._changing = threading.RLock()
        self._finishers: list[threading.Thread] = []
        self._retired: list[Session] = []
        self._stop_at: float | None = None
        self._stuck_told = False
        self._refused: str | None = None
        self._slow: set[str] = set()
        self._now = self._session(config)
        self.board = Board(journal, clock, lambda: self.config, self.sending, doubts=self._doubts)
        self.metrics = Metrics(self)
        self.fleet = Fleet(lambda: self.config, connect, clock)
        self._page = PageServer(config.journal, self, clock)
        self._telling = Telling(self, connect, clock)
        self._ticked_at = clock.monotonic()

    # From start to end

    def run(self) -> ExitCode:
        """Work until a signal ends it, or damage in the journal; on the main thread."""
        lost: str | None = None
        with Signals((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)) as signals:
            log.info("started", version=__version__, process=os.getpid(), config=self.config.path)
            warn_of_unseen(self.config, os.environ)
            # On a thread of its own: their disk may not answer.
            threading.Thread(
                target=_warn_of_left_aside, args=(self.config,), name="left aside", daemon=True
            ).start()
            control = self._take_orders()
            self._start(self._now)
            if not self._now.wait_for_first_scans(SLOW_START_S):
                log.warning("a directory takes long to answer; the others are looked at")
            self._page.serve(self.config.status.listen)
            self._notifier.ready(self.summary())
            self._telling.start()
            while not self._asked_to_stop(signals.wait(self._tick_s())):
                self._tick()
                if self._journal.met_damage:
                    log.error("the journal is damaged; at the next start it is rebuilt")
                    break
                if (lost := self._journal.displaced()) is not None:
                    log.error("the journal is lost; the daemon ends", reason=lost)
                    break
            damaged = "the journal is damaged" if self._journal.met_damage else None
            self._telling.begin_end(lost or damaged)
            # What a lost journal does not hold is not sent.
            self._stop(signals, 0.0 if lost else STOP_DEADLINE_S)
            self._page.stop()
            self._telling.end()
            if control is not None:
                control.stop()
        if self._journal.met_damage:
            return JournalBroken.exit_code
        return JournalReplaced.exit_code if lost else ExitCode.OK

    def _take_orders(self) -> ControlServer | None:
        """Listen on the Unix socket; without one the daemon does its work all the same."""
        control = ControlServer(self.config.journal, self, self._clock)
        try:
            control.start()
        except (ConfigError, OSError) as exc:
            log.warning("commands cannot reach the daemon", socket=control.path, exc=exc)
            return None
        return control

    def _asked_to_stop(self, numbers: list[int]) -> bool:
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            return True
        if signal.SIGHUP in numbers:
            threading.Thread(target=self._reload_quietly, name="reload", daemon=True).start()
        return False

    def _tick_s(self) -> float:
        watchdog_s = self._notifier.watchdog_interval_s
        return TICK_S if watchdog_s is None else min(TICK_S, watchdog_s / 4)

    def _tick(self) -> None:
        """See whether everything gets on, and tell systemd so only then."""
        self._ticked_at = self._clock.monotonic()
        stuck = self._now.stuck()
        if stuck is None:
            self._notifier.watchdog()
        elif not self._stuck_told:
            log.error("hangs; under systemd it is started again", what=stuck)
        self._stuck_told = stuck is not None
        slow = self._now.slow_rescans()
        for name in slow.keys() - self._slow:
            log.error(
                "a look at the disk gets nowhere: does its file system hang?",
                mapping=name,
                seconds=round(slow[name]),
            )
        self._slow = set(slow)
        self._page.serve(self.config.status.listen)  # what was in the way may have gone
        self._notifier.status(self.summary())

    def _stop(self, signals: Signals, deadline_s: float) -> None:
        self._notifier.stopping()
        with self._changing:
            self._stop_at = self._clock.monotonic() + deadline_s
            self._now.retire()
            for order in self._shared.queue.orders:
                order.stop()
            in_flight = len(self._shared.queue.in_flight())
            self._finish_in_background(self._now)
        log.info("stopping", under_way=in_flight, deadline_s=round(deadline_s))
        while any(thread.is_alive() for thread in self._finishers):
            numbers = signals.wait(0.05)
            if signal.SIGTERM in numbers or signal.SIGINT in numbers:
                log.warning("a second signal: everything under way is broken off")
                self._stop_at = self._clock.monotonic()
                for session in (self._now, *self._retired):
                    session.abort()
        with contextlib.suppress(JournalError):  # a full disk, or damage: the log has it already
            for mapping in self.config.mappings:  # without a daemon nobody relies on events
                self._journal.mappings.set_watch(self._journal.mappings.get(mapping.name).id, None)
        outcomes = self._shared.outcomes
        log.info("stopped", uploaded=outcomes.counts["uploaded"], bytes=outcomes.bytes)

    # Sessions

    def _session(self, config: Config) -> Session:
        server = self._connect(config)
        try:
            return Session(config, server, self._shared, config.mappings)
        except BaseException:
            server.close()
            raise

    @staticmethod
    def _start(session: Session) -> None:
        def calendar(poller: ServerPoller) -> Calendar:
            return Calendar(session.config.schedule, poller.mirror_soon, poller.clean_soon)

        session.start(calendar)

    def _finish_in_background(self, session: Session) -> None:
        def finish() -> None:
            if not session.finish(self._seconds_left):
                log.warning("transfers were broken off; they are sent again later")
            if session in self._retired:
                self._retired.remove(session)
                self.look_again()  # what it left half done is the new session's

        thread = threading.Thread(target=finish, name="finish", daemon=True)
        self._finishers.append(thread)
        thread.start()

    def _seconds_left(self) -> float:
        """How long running transfers still have: without end while only a configuration ended."""
        return STOP_DEADLINE_S if self._stop_at is None else self._stop_at - self._clock.monotonic()

    def _reload_quietly(self) -> None:
        with contextlib.suppress(AqsyncError):  # it is in the log
            self.reload()

    # What people ask for, by way of the Unix socket: see `aqsync.service.web.orders`

    def reload(self) -> None:
        """Read the configuration again and go on by it.

        Raises:
            ConfigError: It cannot be used; everything goes on by the old one.
            JournalError: It cannot be taken over now; the old one stays too.
            DaemonStopped: The daemon stops.
        """
        try:
            with self._changing:
                self._begin_anew()
            # Not while others are kept from changing anything: a stop must not wait for a disk.
            self._now.wait_for_first_scans(SLOW_START_S)
            mappings = len(self.config.mappings)
            log.info("reloaded", config=self.config.path, mappings=mappings)
        finally:
            if self._stop_at is None:
                self._notifier.ready(self.summary())

    def _begin_anew(self) -> None:
        """A new session takes the place of the present one."""
        if self._stop_at is not None:
            raise DaemonStopped("the daemon is stopping", hint="start it again afterwards")
        self._notifier.reloading()
        try:
            config = self._checked(load_config(self.config.path))
            new = self._session(config)
        except AqsyncError as exc:
            log.error("the new configuration is refused, the old one stays", exc=exc)
            self._refused = exc.message
            raise
        self._refused = None
        old, self._now = self._now, new
        self._shared.rate.bytes_per_s = config.transfer.rate
        self._page.serve(config.status.listen)
        self._telling.reloaded()
        old.retire()
        self._retired.append(old)
        self._finishers = [t for t in self._finishers if t.is_alive()]
        self._finish_in_background(old)
        self._start(new)

    def _checked(self, config: Config) -> Config:
        if config.journal != self.config.journal:
            raise ConfigError(
                f"{config.path}: journal: it is another one than the daemon has open",
                hint="restart the daemon to go on with another journal",
            )
        require_seen(config, os.environ)
        return config

    def push(self, order: Order) -> PushReport:
        """Serve an order beside everything else; through a reload too.

        Raises:
            DaemonStopped: The daemon stops.
            ConfigError: What is to be pushed is not known.
        """
        while True:
            with self._changing:
                if self._stop_at is not None:
                    raise DaemonStopped("the daemon is stopping", hint="push again afterwards")
                session = self._now
            report = push_and_report(session, order)
            if report is not None:
                self._now.wake()
                return report

    def pause(self, mapping: str | None, seconds: float | None) -> None:
        """Send nothing of a mapping, or of all, for so many seconds, or until `resume`."""
        now_ns = self._clock.now_ns()
        until_ns = None if seconds is None else now_ns + int(seconds * SECOND_NS)
        self._journal.pauses.pause(mapping or EVERYTHING, now_ns, until_ns)
        log.info("paused", mapping=mapping or "all", seconds=seconds)
        self._now.wake()

    def resume(self, mapping: str | None) -> None:
        """End the pause of a mapping, or every pause."""
        self._journal.pauses.resume(mapping or EVERYTHING)
        log.info("resumed", mapping=mapping or "all")
        self._now.wake()

    def look_again(self) -> None:
        """What people decided may have changed what there is to do."""
        for rescanner in self._now.rescanners.values():
            rescanner.everything("a person's decision")
        self._now.mirror_soon()

    @property
    def config(self) -> Config:
        """What it works by now."""
        return self._now.config

    @property
    def journal(self) -> Journal:
        """What it writes."""
        return self._journal

    @property
    def page(self) -> str | None:
        """The address of its status page."""
        return self._page.address

    def hangs(self) -> str | None:
        """Which part of it hangs, has died, or has failed again and again for long."""
        if self._clock.monotonic() - self._ticked_at > STUCK_S:
            return "main"
        return self._now.stuck() or self._now.failing()

    def _doubts(self) -> Doubts:
        # What has ended because the daemon stops does not hang.
        stuck = self.hangs() if self._stop_at is None else None
        return Doubts(self._now.unseen(), stuck, self._refused)

    def slow_rescans(self) -> dict[str, float]:
        """The mappings whose scan makes no progress, and for how many seconds."""
        return self._now.slow_rescans()

    def progress(self) -> object:
        """Another value whenever some bytes were sent, or something became of a file."""
        outcomes, items = self._shared.outcomes, self._shared.queue.in_flight()
        return outcomes.counts.total(), outcomes.bytes, [(i.file.id, i.sent) for i in items]

    def status(self) -> DaemonStatus:
        """What it does now, for `aqsync status`."""
        now = self._clock.monotonic()
        return DaemonStatus(
            process=os.getpid(),
            version=__version__,
            config=str(self.config.path),
            mappings=[mapping.name for mapping in self.config.mappings],
            started_at_ns=self._started_ns,
            uploaded=self._shared.outcomes.counts["uploaded"],
            bytes=self._shared.outcomes.bytes,
            ready=len(self._shared.queue),
            page=self._page.address,
            not_told=self._telling.problems(),
            page_problem=self._page.problem,
            refused=self._refused,
            under_way=[
                FileUnderWay(
                    mapping=item.file.mapping,
                    path=item.file.path,
                    size=item.file.size,
                    sent=item.sent,
                    seconds=round(now - item.since, 1),
                )
                for item in self._shared.queue.in_flight()
            ],
        )

    def sending(self) -> int:
        """How many files are being sent or compared."""
        return len(self._shared.queue.in_flight())

    def scan_seconds(self) -> dict[str, float]:
        """By mapping, how long the last look at everything took."""
        rescanners = self._now.rescanners.items()
        return {name: each.took_s for name, each in rescanners if each.took_s is not None}

    def summary(self) -> str:
        """One line for ``systemctl status``."""
        uploaded = self._shared.outcomes.counts["uploaded"]
        since = local_text(self._started_ns / SECOND_NS)
        parts = [
            counted(len(self.config.mappings), "mapping"),
            f"{counted(uploaded, 'file')} uploaded since {since}",
        ]
        if under_way := len(self._shared.queue.in_flight()):
            parts.append(f"{under_way} under way")
        if ready := len(self._shared.queue):
            parts.append(f"{ready} to be decided on")
        if EVERYTHING in self._journal.pauses.active(self._clock.now_ns()):
            parts.append("paused")
        problem = self._journal.remote.server_problem()
        if problem is not None:
            parts.append(
                f"the server cannot be used since {local_text(problem.since_ns / SECOND_NS)}"
            )
        return ", ".join(parts)


def _warn_of_left_aside(config: Config) -> None:
    for left in left_aside(config.journal):
        log.warning(
            "a file has another name, as `aqsync free` was interrupted while it removed it",
            path=left.place,
            now=left.aside or left.why,
            hint="the next `aqsync free` puts it back",
        )
