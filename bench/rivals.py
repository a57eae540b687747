"""``python -m bench.rivals``: what people write when they need their files on a server.

    python -m bench.rivals close|quiet FOLDER URL UUID SECONDS

``close`` sends a file each time that a program has closed it or moved it into place, as watchdog
tells it; ``quiet`` sends it when it has not changed for so many seconds.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from pathlib import Path
from uuid import UUID

from watchdog.events import (
    EVENT_TYPE_CLOSED,
    EVENT_TYPE_MOVED,
    FileClosedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from aqsync.aqueduct.client import Client
from aqsync.layout.names import remote_name
from bench.environment import token

READY = "watching"
_LOOK_S = 0.25


class _Closed(FileSystemEventHandler):
    """Puts what was closed or moved into place into a queue."""

    def __init__(self) -> None:
        self.paths: queue.Queue[Path] = queue.Queue()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take an event."""
        if event.event_type == EVENT_TYPE_CLOSED and isinstance(event, FileClosedEvent):
            self.paths.put(Path(str(event.src_path)))
        elif event.event_type == EVENT_TYPE_MOVED and isinstance(event, FileMovedEvent):
            self.paths.put(Path(str(event.dest_path)))


def _on_close(root: Path, upload: Upload) -> None:
    closed, observer = _Closed(), Observer()
    observer.schedule(closed, str(root), recursive=True)
    observer.start()
    print(READY, flush=True)
    while True:
        upload(closed.paths.get())


def _when_quiet(root: Path, upload: Upload, seconds: float) -> None:
    print(READY, flush=True)
    seen: dict[Path, tuple[int, int]] = {}
    since: dict[Path, float] = {}
    sent: dict[Path, tuple[int, int]] = {}
    while True:
        for path in root.rglob("*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                now = (facts.st_size, facts.st_mtime_ns)
                if seen.get(path) != now:
                    seen[path], since[path] = now, time.monotonic()
                elif sent.get(path) != now and time.monotonic() - since[path] >= seconds:
                    if path.is_file():
                        upload(path)
                    sent[path] = now
        time.sleep(_LOOK_S)


class Upload:
    """Sends a file as it is.

    Args:
        root: The names on the server are relative to it.
        server: Takes it.
        experiment: Where to.
    """

    def __init__(self, root: Path, server: Client, experiment: UUID) -> None:
        self._root = root
        self._server = server
        self._experiment = experiment

    def __call__(self, path: Path) -> None:
        """Send a file; one that is gone is left out."""
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            name = remote_name(path.relative_to(self._root).as_posix())
            self._server.upload(self._experiment, name, iter([content]), len(content))


def _main(how: str, folder: str, url: str, uuid: str, seconds: str) -> None:
    root = Path(folder)
    with Client(url, token()) as server:
        upload = Upload(root, server, UUID(uuid))
        if how == "close":
            _on_close(root, upload)
        else:
            _when_quiet(root, upload, float(seconds))


if __name__ == "__main__":
    _main(*sys.argv[1:])
