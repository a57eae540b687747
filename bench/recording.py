"""``python -m bench.recording``: the embedded server, and every version that it ever had.

Each upload that gets its name is linked into the folder named by `FOLDER` before that, so nothing
that stood on the server for a moment only is lost. What is sent and not kept is noted too.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aqsync.server.__main__ import main
from aqsync.server.files.incoming_file import IncomingFile

FOLDER = "AQSYNC_BENCH_RECORD"
"""The environment variable that names the folder."""
_LIST = "versions.jsonl"


class Version(NamedTuple):
    """What the server once had under a name, or was sent and did not keep."""

    at: float
    """When, in seconds since 1970: when it was there, or was given up."""
    experiment: str
    """Its UUID; empty of what was not kept."""
    name: str
    """Likewise."""
    kept: Path
    """Its bytes."""
    size: int


def versions(folder: Path) -> Iterator[Version]:
    """What was recorded in a folder, in order."""
    place = folder / _LIST
    if place.exists():
        for line in place.read_text().splitlines():
            at, experiment, name, kept, size = json.loads(line)
            yield Version(at, experiment, name, folder / kept, size)


def _record(folder: Path) -> None:
    """Let the server's incoming files be recorded."""
    number, lock = itertools.count(), threading.Lock()
    move_to, discard = IncomingFile.move_to, IncomingFile.discard
    listed = (folder / _LIST).open("a", buffering=1)

    def note(experiment: str, name: str, kept: str, size: int) -> None:
        listed.write(json.dumps([time.time(), experiment, name, kept, size]) + "\n")

    def recorded_move_to(self: IncomingFile, place: str) -> None:
        with lock:
            kept = str(next(number))
            os.link(self._path, folder / kept)
            move_to(self, place)
            _, experiment, name = place.rsplit("/", 2)
            note(experiment, name, kept, self._size)

    def recorded_discard(self: IncomingFile) -> None:
        if self._exists and self._size:
            with lock:
                note("", "", "", self._size)
        discard(self)

    IncomingFile.move_to = recorded_move_to
    IncomingFile.discard = recorded_discard


if __name__ == "__main__":
    _record(Path(os.environ[FOLDER]))
    sys.exit(main())
