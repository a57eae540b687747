"""A TCP proxy between aqsync and a server, that spoils connections at random, by a seed."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tests.support.patience import HANG_S

PIECE = 16_384
LINGER_0 = struct.pack("ii", 1, 0)
"""Close with a reset instead of a goodbye."""


class Fault(StrEnum):
    """What happens to a connection."""

    NONE = "none"
    DELAY = "delay"
    CUT_REQUEST = "cut request"
    """Closed after some bytes towards the server."""
    CUT_ANSWER = "cut answer"
    """Closed after some bytes of the answers: the server has done what it was asked."""
    RESET = "reset"
    """The same as a cut answer, by a reset, at once for both sides."""
    SLOW = "slow"
    """Few bytes at a time, in both directions."""
    CORRUPT = "corrupt"
    """A byte of the answers is another."""
    BLACK_HOLE = "black hole"
    """From some byte on nothing comes, and nobody says so."""
    REFUSE = "refuse"
    """Closed before anything is read."""


@dataclass(frozen=True)
class Plan:
    """What will happen to one connection, and after how many bytes."""

    fault: Fault
    after: int


class FaultProxy:
    """Listens on loopback and passes on to a server, until it is told to spoil connections.

    Args:
        port: Where the server listens on 127.0.0.1.
        seed: Decides which connection meets what, in the order in which they come.

    Attributes:
        met: How many connections met each fault.
    """

    def __init__(self, port: int, seed: int) -> None:
        self.met: Counter[Fault] = Counter()
        self._target = port
        self._random = random.Random(seed)
        self._faults: tuple[Fault, ...] = (Fault.NONE,)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def spoil(self, *faults: Fault) -> None:
        """From now on each new connection meets one of these; those that are open are cut."""
        with self._lock:
            self._faults = faults
        self._cut_all()

    def heal(self) -> None:
        """From now on nothing happens; connections that met something are cut."""
        self.spoil(Fault.NONE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who accepts
        self._listener.close()
        self._cut_all()
        self._thread.join()

    def _cut_all(self) -> None:
        with self._lock:
            for peer in self._open:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                fault = self._random.choice(self._faults)
                after = int(2 ** self._random.uniform(0, 21)) if fault is not Fault.NONE else 0
                self.met[fault] += 1
            threading.Thread(target=self._serve, args=(client, Plan(fault, after))).start()

    def _serve(self, client: socket.socket, plan: Plan) -> None:
        with contextlib.suppress(OSError), client:
            if plan.fault is Fault.REFUSE:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
                return
            if plan.fault is Fault.DELAY:
                self._stopped.wait(0.3)
            with socket.create_connection(("127.0.0.1", self._target), HANG_S) as server:
                server.settimeout(None)
                self._join(client, server, plan)

    def _join(self, client: socket.socket, server: socket.socket, plan: Plan) -> None:
        with self._lock:
            self._open |= {client, server}
        try:
            back = threading.Thread(
                target=self._pass_on, args=(server, client, plan), kwargs={"answers": True}
            )
            back.start()
            self._pass_on(client, server, plan, answers=False)
            back.join()
        finally:
            with self._lock:
                self._open -= {client, server}

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, plan: Plan, *, answers: bool
    ) -> None:
        """One direction, to its end or to what was planned for it."""
        try:
            self._pass_pieces(source, sink, plan, answers=answers)
        except OSError:
            pass
        finally:
            for peer in (source, sink):
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)

    def _pass_pieces(
        self, source: socket.socket, sink: socket.socket, plan: Plan, *, answers: bool
    ) -> None:
        passed = 0
        while piece := source.recv(512 if plan.fault is Fault.SLOW else PIECE):
            left = plan.after - passed
            if plan.fault is Fault.SLOW:
                self._stopped.wait(0.002)
            if plan.fault is Fault.CORRUPT and answers and 0 <= left < len(piece):
                piece = piece[:left] + bytes([piece[left] ^ 0x20]) + piece[left + 1 :]
            if len(piece) > left and _ends_here(plan.fault, answers=answers):
                sink.sendall(piece[: max(0, left)])
                if plan.fault is Fault.BLACK_HOLE:
                    self._swallow(source)
                elif plan.fault is Fault.RESET:
                    for peer in (source, sink):
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
                return
            sink.sendall(piece)
            passed += len(piece)

    def _swallow(self, source: socket.socket) -> None:
        while source.recv(PIECE):
            pass


def _ends_here(fault: Fault, *, answers: bool) -> bool:
    if fault in {Fault.CUT_ANSWER, Fault.RESET}:
        return answers
    return (fault is Fault.CUT_REQUEST and not answers) or fault is Fault.BLACK_HOLE
