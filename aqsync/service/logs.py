"""Where the log goes, and what a record looks like there: always exactly one printable line."""

from __future__ import annotations

import json as json_format
import logging
import math
import os
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import TextIO

from aqsync.errors import AqsyncError

LEVELS = ("debug", "info", "warning", "error")
"""What `set_up` takes as level, from talkative to silent."""

_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""syslog's, as systemd's journal knows them."""
# Journald splits longer lines, and the rest would have no priority. The end says what happened.
_MOST_TRACEBACK = 8_000
# A library's error may quote the header that it did not like.
_SECRET = re.compile(r"\b(bearer)\s+[^\s'\"]+", re.IGNORECASE)
_BARE = re.compile(r"[^\s\"=\\]+")


def set_up(stream: TextIO, *, json: bool, level: str, environ: Mapping[str, str]) -> None:
    """Write the log to a stream from now on, and nowhere else.

    Records of aqsync from `level` on, those of other packages from warnings on, Python's own
    warnings, and exceptions that nobody catches, in any thread. Under systemd each line begins
    with its priority, which journald takes off; the time is left to journald then, except in
    JSON.

    Args:
        stream: Where to; usually `sys.stderr`.
        json: One JSON object a line, with time, level, message and fields (an object), instead
            of text with ``key=value``.
        level: One of `LEVELS`.
        environ: The environment variables; ``JOURNAL_STREAM`` tells whether journald reads.

    Raises:
        ValueError: There is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of the log; these are: {', '.join(LEVELS)}")
    if isinstance(stream, TextIOWrapper):
        # A name that the stream's encoding lacks must not lose its record.
        stream.reconfigure(errors="backslashreplace")
    handler = _Handler(stream)
    journald = reads_journald(stream, environ)
    handler.setFormatter(_JsonLines(priority=journald) if json else _TextLines(journald=journald))
    ours = logging.getLogger("aqsync")
    ours.setLevel(level.upper())
    ours.propagate = False
    everything = logging.getLogger()
    everything.setLevel(logging.WARNING)
    for logger in (ours, everything):
        for old in [old for old in logger.handlers if isinstance(old, _Handler)]:
            logger.removeHandler(old)
        logger.addHandler(handler)
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _kind, exc, _traceback: _log_uncaught(exc, "main")
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_value, "unknown" if args.thread is None else args.thread.name
    )


def reads_journald(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether systemd's journal reads this stream: ``JOURNAL_STREAM`` names its device and inode.

    Args:
        stream: Any stream; one without a file descriptor is read by nobody else.
        environ: The environment variables.
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return False


def _log_uncaught(exc: BaseException | None, thread: str) -> None:
    if not isinstance(exc, SystemExit | KeyboardInterrupt):
        fields = {"thread": thread}
        logging.getLogger("aqsync").error(
            "a part of aqsync broke down", exc_info=exc, extra={"fields": fields}
        )


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, to be told from others when another takes its place."""


class _TextLines(logging.Formatter):
    """``2026-11-24T16:20:11+01:00 info uploaded path=/data/x.csv size=1024``.

    Args:
        journald: It stamps the time, and takes the priority off.
    """

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        start = _priority(record) if self._journald else f"{_local_time(record.created)} "
        words = [record.levelname.lower(), _escaped(_message(record))]
        words += [f"{key}={_quoted(_plain(value))}" for key, value in _fields(record).items()]
        return start + " ".join(words)


class _JsonLines(logging.Formatter):
    """``{"time": ..., "level": "info", "message": "uploaded", "fields": {...}}``.

    Args:
        priority: Begin with the priority for journald, which takes it off.
    """

    def __init__(self, *, priority: bool) -> None:
        super().__init__()
        self._priority = priority

    def format(self, record: logging.LogRecord) -> str:
        start = _priority(record) if self._priority else ""
        return start + json_format.dumps(
            {
                "time": _local_time(record.created),
                "level": record.levelname.lower(),
                "message": _message(record),
                "fields": {key: _plain(value) for key, value in _fields(record).items()},
            }
        )


def _priority(record: logging.LogRecord) -> str:
    return f"<{_PRIORITIES.get(record.levelname, _PRIORITIES['INFO'])}>"


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")


def _message(record: logging.LogRecord) -> str:
    return _without_secrets(record.getMessage().strip())


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What a record says besides its message; of other packages' records, whose they are."""
    fields = {
        key: value for key, value in getattr(record, "fields", {}).items() if value is not None
    }
    if record.name.partition(".")[0] != "aqsync":
        fields["logger"] = record.name
    exc = record.exc_info[1] if record.exc_info else None
    if isinstance(exc, AqsyncError):
        fields["error"] = exc.message
        if exc.hint:
            fields["hint"] = exc.hint
    elif exc is not None:
        fields["error"] = f"{type(exc).__name__}: {exc}"
        fields["traceback"] = "".join(traceback.format_exception(exc)).strip()[-_MOST_TRACEBACK:]
    return fields


def _plain(value: object) -> str | int | float | bool:
    """What JSON can hold, and people can read."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value.hex() if isinstance(value, bytes) else _without_secrets(str(value))


def _without_secrets(text: str) -> str:
    return _SECRET.sub(r"\1 ***", text)


def _quoted(value: str | float | bool) -> str:  # noqa: FBT001 - a value like the others
    """A value that ends where its reader thinks it ends."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return '"' + _escaped(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escaped(text: str) -> str:
    """The same with what a terminal does not show written as Python would."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
