"""Keeps the status file of this PC in its fleet's experiment."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
from collections.abc import Callable
from uuid import UUID

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Expected
from aqsync.clock import Clock
from aqsync.config import Config
from aqsync.config.fleet import FleetConfig
from aqsync.errors import AqsyncError, ServerFailed
from aqsync.journal.fleet import OwnStatus
from aqsync.layout.fleet import Status, fleet_name, seal
from aqsync.layout.names import label_of_name
from aqsync.log import Log
from aqsync.model import SECOND_NS
from aqsync.service.fleet.files import content_of, read_files, server_time
from aqsync.service.fleet.own_status import Run, Whose, sequence_in, shown, status_of, whose
from aqsync.service.fleet.rules import judged
from aqsync.service.own_facts import Watched
from aqsync.sync.loop import Loop

LOOK_S = 5.0
"""How often it is seen whether a sign of life is wanted, while none is."""
RETRY_S = 5.0
LONGEST_RETRY_S = 60.0
"""After one that did not arrive: doubling from the one to the other."""
OTHERS_EVERY = 12
"""Signs of life between two looks for other PCs of the same name."""

log = Log(__name__)
Connect = Callable[[Config], Client]


class FleetWriter:
    """Writes signs of life on a thread of its own; a network that hangs holds up nothing else.

    They go in pauses and outside of transfer windows too, but not while the server has asked to be
    left alone, or refuses the token.

    Args:
        daemon: Whose.
        connect: From a configuration to its server.
        clock: The time.
    """

    def __init__(self, daemon: Watched, connect: Connect, clock: Clock) -> None:
        self._daemon = daemon
        self._connect = connect
        self._clock = clock
        self._run = Run(secrets.token_hex(6), clock.now_ns())
        self.loop = Loop("fleet", clock)
        self._turn = threading.Lock()
        self._last: threading.Thread | None = None
        self._pause_s = 0.0
        self._signs = 0
        """How many this start has sent."""
        self._until_look = 0
        """Signs of life until it looks for other PCs of the same name."""
        self._stored: Expected | None = None
        """The server's exact time of the last one, where it says that."""
        self._failed: str | None = None
        self._double: str | None = None

    def problems(self) -> list[str]:
        """Why others do not see this PC as it is."""
        return [each for each in (self._failed, self._double) if each is not None]

    def step(self) -> float:
        """Write a sign of life; returns the seconds until the next."""
        config = self._daemon.config
        fleet = config.fleet
        if fleet is None or fleet.name is None:
            self._failed = self._double = None
            return LOOK_S
        if (left_s := self._left_alone_s()) > 0:
            return min(left_s, fleet.every)
        try:
            with self._turn:
                self._write(config, fleet, stopped=False)
        except AqsyncError as exc:
            if self._failed is None:
                log.warning(
                    "the fleet could not be given a sign of life; it is tried again", exc=exc
                )
            self._failed = f"the fleet is given no sign of life: {exc.message}"
            self._pause_s = min(2 * self._pause_s or RETRY_S, LONGEST_RETRY_S)
            asked_s = exc.retry_after_s if isinstance(exc, ServerFailed) else None
            return max(self._pause_s, asked_s or 0.0)
        if self._failed is not None:
            log.info("recovered: the fleet is given signs of life again")
        self._failed, self._pause_s = None, 0.0
        return fleet.every

    def begin_end(self, why: str | None) -> None:
        """Say that the daemon ends, if somebody told it to; returns at once.

        Args:
            why: Why it ends; None: because somebody told it to. Otherwise its silence shall tell.
        """
        self.loop.stop()
        if why is None and self._signs and self._left_alone_s() <= 0:
            self._last = threading.Thread(target=self._say_last, name="fleet", daemon=True)
            self._last.start()

    def end(self, longest_s: float) -> None:
        """Wait for what is under way.

        Args:
            longest_s: No longer than this, in seconds.
        """
        until = self._clock.monotonic() + longest_s
        if self._last is not None:
            self._last.join(longest_s)
        self.loop.join(until - self._clock.monotonic())

    def _say_last(self) -> None:
        config = self._daemon.config
        fleet = config.fleet
        if fleet is None or fleet.name is None:
            return
        try:
            with self._turn:
                self._write(config, fleet, stopped=True)
        except AqsyncError as exc:
            log.warning("the fleet could not be told of the end", exc=exc)

    def _left_alone_s(self) -> float:
        """For how many seconds the server has asked to be left alone, or refuses the token."""
        problem = self._daemon.journal.remote.server_problem()
        if problem is None or not (problem.ordered or problem.denied):
            return 0.0
        return (problem.probe_at_ns - self._clock.now_ns()) / SECOND_NS

    def _write(self, config: Config, fleet: FleetConfig, *, stopped: bool) -> None:
        key, found = fleet.key(), self._daemon.board.look(fleet.every / 2)
        with contextlib.closing(self._connect(config)) as server:
            uuid = server.experiment_by_eid(fleet.experiment).uuid
            own, expected = self._place(server, uuid, shown(fleet.name or ""), key)
            now = server_time(server)
            status = status_of(found, fleet, str(uuid), own, self._run, now, stopped=stopped)
            content = seal(status, key)
            own = own._replace(sha256=hashlib.sha256(content).digest())
            self._daemon.journal.fleet.note(own)
            self._daemon.journal.make_durable(at_once=True)
            name = fleet_name(status.name, own.id)
            self._stored = None
            receipt = server.upload(uuid, name, [content], len(content), expected=expected)
            if receipt.modified_at is not None:
                self._stored = Expected(receipt.modified_at)
            self._signs += 1
            self._until_look -= 1
            if not stopped and (self._double is not None or self._until_look <= 0):
                self._look_for_another(server, uuid, status, key)
                self._until_look = OTHERS_EVERY

    def _place(
        self, server: Client, uuid: UUID, name: str, key: bytes | None
    ) -> tuple[OwnStatus, Expected | None]:
        """Which file is ours, with the number of the next one; and what must stand there then."""
        known = self._daemon.journal.fleet
        own = known.own()
        stands = content_of(server, uuid, fleet_name(name, own.id))
        expected: Expected | None = Expected(None)
        match whose(stands, own, self._run, key, sent=self._signs > 0):
            case Whose.ANOTHERS:
                log.warning(
                    "the status file of this PC gets another name, as one of others stands there",
                    file=fleet_name(name, own.id),
                    hint="does another PC work with a copy of this PC's journal?",
                )
                own, self._until_look = known.draw(), 0
            case Whose.OURS:
                # Without its exact time there is no condition; what was read just now was ours.
                expected = self._stored if self._is_last(stands, own) else None
                own = own._replace(sequence=max(own.sequence, sequence_in(stands, key)))
        return own._replace(sequence=own.sequence + 1), expected

    @staticmethod
    def _is_last(content: bytes | None, own: OwnStatus) -> bool:
        return content is not None and hashlib.sha256(content).digest() == own.sha256

    def _look_for_another(
        self, server: Client, uuid: UUID, status: Status, key: bytes | None
    ) -> None:
        """Two PCs of one name do not overwrite each other's files, but confuse people."""
        found = read_files(server, uuid, key, only=label_of_name(status.name))
        for pc in judged(found, signatures_checked=key is not None).pcs:
            is_other = pc.status is not None and pc.status.id != status.id
            if is_other and pc.name == status.name and pc.is_living:
                host = "" if pc.status is None else pc.status.host
                if self._double is None:
                    log.warning(
                        "another PC has the same name in the fleet", name=pc.name, host=host
                    )
                self._double = (
                    f"another PC, on the host {host}, has the name {pc.name!r} in the fleet too;"
                    " give each a `name` of its own"
                )
                return
        self._double = None
