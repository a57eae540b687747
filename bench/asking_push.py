"""``python -m bench.asking_push REPORT push ...``: an aqsync command whose questions are timed."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aqsync.aqueduct.client import Client
from aqsync.cli.main import main
from aqsync.sync.remote_check import RemoteCheck

_TIMED = {Client: ("list_files", "probe_file", "upload"), RemoteCheck: ("confirm",)}


class Spans:
    """When which calls of the client took place; told by its threads."""

    def __init__(self) -> None:
        self.taken: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self._lock = threading.Lock()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, noted each time."""

        def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the call takes
            began = time.monotonic()
            try:
                return call(*given, **named)
            finally:
                with self._lock:
                    self.taken[name].append((began, time.monotonic()))

        return called


if __name__ == "__main__":
    report = Path(sys.argv.pop(1))
    spans = Spans()
    for kind, methods in _TIMED.items():
        for method in methods:
            setattr(kind, method, spans.timed(method, getattr(kind, method)))
    try:
        main()
    finally:
        report.write_text(json.dumps(spans.taken))
