"""What clients asked for, and what they changed: two logs of JSON lines in the data directory.

The access log has a line for each request; the audit log one for each change, login and refusal.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

ACCESS_LOG = "access.jsonl"
AUDIT_LOG = "audit.jsonl"
_FILE_BYTES = 16 << 20
_ACCESS_FILES = 4
"""Older files that are kept, besides the one that is written."""
_AUDIT_FILES = 20
_GATHER_SECONDS = 0.2
_log = logging.getLogger(__name__)


class Trail:
    """Writes both logs from a thread of its own, so that no request waits. Any thread may call.

    What was told in the last moment before a kill is lost; a stop writes everything.

    Args:
        folder: Where the logs are; made if it is missing. None: both go to stderr, and each line
            says in ``log`` which one it belongs to.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is None:
            self._access = _Lines(logging.StreamHandler(), {"log": "access"})
            self._audit = _Lines(logging.StreamHandler(), {"log": "audit"})
        else:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._access = _Lines(_file(folder / ACCESS_LOG, _ACCESS_FILES), {})
            self._audit = _Lines(_file(folder / AUDIT_LOG, _AUDIT_FILES), {})
        self._told = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="trail", daemon=True)
        self._thread.start()

    def access(self, facts: Mapping[str, object]) -> None:
        """Tell of a request."""
        self._tell(self._access, facts)

    def audit(self, facts: Mapping[str, object]) -> None:
        """Tell of a change, a login or a refusal."""
        self._tell(self._audit, facts)

    def close(self) -> None:
        """Write what was told, and end the thread."""
        self._stopped.set()
        self._told.set()
        self._thread.join()
        for lines in (self._access, self._audit):
            lines.write()
            lines.close()

    def _tell(self, lines: _Lines, facts: Mapping[str, object]) -> None:
        lines.waiting.append((datetime.now(UTC), facts))
        if not self._told.is_set():
            self._told.set()

    def _write_on(self) -> None:
        while not self._stopped.is_set():
            self._told.wait()
            self._stopped.wait(_GATHER_SECONDS)
            self._told.clear()
            self._access.write()
            self._audit.write()


class _Lines:
    """One log.

    Args:
        handler: Writes it.
        also: What each line says besides.
    """

    def __init__(self, handler: logging.Handler, also: Mapping[str, object]) -> None:
        self.waiting: deque[tuple[datetime, Mapping[str, object]]] = deque()
        self._handler = handler
        self._also = also

    def write(self) -> None:
        """Write what waits."""
        lines = []
        while self.waiting:
            when, facts = self.waiting.popleft()
            told = {"time": when.isoformat(timespec="milliseconds"), **self._also, **facts}
            lines.append(json.dumps(told, separators=(",", ":"), default=str))
        if lines:
            self._handler.emit(logging.makeLogRecord({"msg": "\n".join(lines)}))

    def close(self) -> None:
        """Close what writes it."""
        with suppress(OSError):  # of what was told of already
            self._handler.close()


def _file(path: Path, older: int) -> logging.Handler:
    return _File(path, maxBytes=_FILE_BYTES, backupCount=older, encoding="utf-8")


class _File(RotatingFileHandler):
    """A file that says once that it cannot be written, and goes on: files matter more than logs."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - overridden
        """Warn, the first time."""
        if not self._has_failed:
            self._has_failed = True
            _log.error("%s cannot be written: %s", self.baseFilename, sys.exc_info()[1])
