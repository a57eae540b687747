"""The status page while very many files are still to come: its first paint, and what it costs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from bench.daemon import Daemon
from bench.figures import Figure
from bench.painting import first_paints
from bench.processes import BenchError
from bench.stage import AQSYNC, Stage
from bench.trees import write_tree

FOLDERS = 1000
QUICK_FOLDERS = 20
PER_FOLDER = 100
IDLE_S = 60.0
QUICK_IDLE_S = 10.0
_UNTIL_OUTDATED_S = 5.0
_REST_S = 300.0


def page(stage: Stage) -> Iterator[Figure]:
    folders = QUICK_FOLDERS if stage.quick else FOLDERS
    files, idle_s = folders * PER_FOLDER, QUICK_IDLE_S if stage.quick else IDLE_S
    root = stage.room()
    write_tree(root, folders, PER_FOLDER, 10)
    with stage.experiment() as experiment:
        place = stage.configuration(stage.room(), root, experiment.eid, "30d")
        content = json.loads(place.read_text())
        place.write_text(json.dumps(content | {"status": {"listen": "127.0.0.1:0"}}))
        stage.say(f"page: {files} files that wait, each for itself")
        with Daemon(place) as daemon:
            daemon.wait_for_first_look()
            daemon.wait_for_rest(_REST_S)
            visitor = _Visitor(place)
            taken = {path: _answers(stage, visitor, path) for path in ("/", "/needs-you")}
            painted, plain = first_paints(
                visitor.entry, [visitor.url("/"), visitor.url("/healthz")], stage.rounds, 2.0
            )
            daemon.wait_for_rest(_REST_S)
            stage.say(f"page: {idle_s:.0f} s while nobody looks")
            alone = daemon.cpu_in(idle_s)
            stage.say(f"page: {idle_s:.0f} s while a page is open")
            with closing(visitor.ask("/events")):
                watched = daemon.cpu_in(idle_s)
    for path, seconds in taken.items():
        milliseconds = [1000 * each for each in seconds]
        yield Figure(f"page: {path} of {files} files", milliseconds, "ms", at_most=100)
    if painted:
        yield Figure(f"page: first paint of {files} files", painted, "ms", at_most=100)
        yield Figure("page: first paint of a line of text", plain, "ms")
    yield Figure("page: nobody looks, of a core", [100 * alone / idle_s], "%", at_most=0.1)
    yield Figure("page: it is open, of a core", [100 * watched / idle_s], "%")


class _Visitor:
    """A browser that was let in.

    Attributes:
        entry: What lets one in.
    """

    def __init__(self, configuration: Path) -> None:
        command = [*AQSYNC, "open", "--print", "--config", str(configuration)]
        self.entry = subprocess.check_output(command, text=True).strip()
        entry = urlsplit(self.entry)
        self._host = entry.netloc
        self._cookie = ""
        with closing(self.ask(f"{entry.path}?{entry.query}")) as answer:
            self._cookie = (answer.headers["set-cookie"] or "").partition(";")[0]

    def url(self, path: str) -> str:
        """The address of a page."""
        return f"http://{self._host}{path}"

    def ask(self, path: str) -> HTTPResponse:
        """The beginning of an answer."""
        connection = HTTPConnection(self._host, timeout=60)
        connection.request("GET", path, headers={"cookie": self._cookie})
        return connection.getresponse()


def _answers(stage: Stage, visitor: _Visitor, path: str) -> list[float]:
    """Seconds until the whole page has come, each time after what is known has become old."""
    taken = []
    for _ in range(stage.rounds):
        time.sleep(_UNTIL_OUTDATED_S)
        began = time.monotonic()
        with closing(visitor.ask(path)) as answer:
            body = answer.read()
        taken.append(time.monotonic() - began)
        if answer.status != 200 or b"</html>" not in body:
            raise BenchError(f"{path} is answered by {answer.status}")
    return taken
