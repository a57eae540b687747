"""What systemd is told: the protocol of sd_notify(3), datagrams to ``$NOTIFY_SOCKET``."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from aqsync.clock import Clock
from aqsync.log import Log

log = Log(__name__)

_MICROSECONDS = 1_000_000
_LONGEST_SEND_S = 1.0
_LONGEST_STATUS = 1_000


class Notifier:
    """Tells systemd how the daemon is; without systemd every call does nothing.

    No call raises: an unreachable systemd is logged once, and the work goes on. May be used by
    several threads.

    Args:
        environ: The environment variables: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC``, ``WATCHDOG_PID``.
        clock: Its monotonic clock must be the system's, which systemd compares with.

    Attributes:
        watchdog_interval_s: Seconds after which systemd kills a process that has not called
            `watchdog` meanwhile; None if it does not watch this process.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._clock = clock
        self._status = ""
        self._unreachable = False
        self.watchdog_interval_s = _watchdog_interval_s(environ)

    def ready(self, status: str) -> None:
        """The start, or a reload, is over, and the daemon does its work.

        Args:
            status: What it does, for ``systemctl status``.
        """
        self._status = _one_line(status)
        self._send("READY=1", f"STATUS={self._status}")

    def status(self, text: str) -> None:
        """Change what ``systemctl status`` shows; the same text twice is sent once.

        Args:
            text: What the daemon does; a line.
        """
        text = _one_line(text)
        if text != self._status and self._send(f"STATUS={text}"):
            self._status = text

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it, whether the new configuration was taken or not."""
        now_us = int(self._clock.monotonic() * _MICROSECONDS)
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self) -> None:
        """The daemon is about to end."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """The daemon is alive: to be said more often than every `watchdog_interval_s`."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Ask for more time to start or to stop.

        Args:
            seconds: From now on; the limit of the unit counts if it is later.
        """
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICROSECONDS)}")

    def _send(self, *assignments: str) -> bool:
        """Whether it has been sent, or nobody wants it."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_LONGEST_SEND_S)  # systemd may be busy, or stopped
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError as exc:
            if not self._unreachable:
                reason = exc.strerror or str(exc)
                log.warning("systemd cannot be told how the daemon is", reason=reason)
            self._unreachable = True
            return False
        self._unreachable = False
        return True


def _watchdog_interval_s(environ: Mapping[str, str]) -> float | None:
    interval_us = environ.get("WATCHDOG_USEC", "")
    for_this_process = environ.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
    if not for_this_process or not interval_us.isdecimal() or int(interval_us) == 0:
        return None
    return int(interval_us) / _MICROSECONDS


def _one_line(text: str) -> str:
    """What cannot be taken for another assignment, and is short enough for a datagram."""
    return "".join(c if c.isprintable() else "?" for c in text[:_LONGEST_STATUS])
