from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from aqsync.clock import SystemClock
from aqsync.sync.order import Round
from aqsync.sync.progress import Pausing
from aqsync.sync.push import Push
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import InterceptingProxy
from tests.support.project import Arrange, Project


@pytest.fixture
def project(tmp_path: Path, embedded_server: EmbeddedServer) -> Iterator[Project]:
    """A user of the embedded server."""
    made = Project(tmp_path, embedded_server.url)
    yield made
    made.close()


@pytest.fixture
def proxy(project: Project) -> Iterator[InterceptingProxy]:
    """Between the project and its server, once the project is configured with its URL."""
    with InterceptingProxy(project.url) as between:
        project.configure(server={"url": between.url})
        yield between


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Clocks jump over every pause of a push in this process; the pauses, in seconds."""
    pauses: list[float] = []

    def wait(push: Push, until_ns: int, reason: str) -> Generator[float, None, None]:
        seconds = max(0.0, (until_ns - push._clock.now_ns()) / 1e9)
        push._order.show(Pausing(seconds, reason))
        pauses.append(seconds)
        yield 0.0

    monkeypatch.setattr(Push, "_wait", wait)
    monkeypatch.setattr(
        SystemClock, "now_ns", lambda _clock: time.time_ns() + int(sum(pauses) * 1e9)
    )
    monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: time.monotonic() + sum(pauses))
    return pauses


@pytest.fixture
def before_sending(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Do something once, after the scan and before the first file is opened."""

    def arrange(action: Callable[[], object]) -> None:
        once = [action]

        rounds = Push._round

        def before_a_round(push: Push) -> Generator[float, None, Round]:
            if once:
                once.pop()()
            return rounds(push)

        monkeypatch.setattr(Push, "_round", before_a_round)

    return arrange


@pytest.fixture
def two(project: Project) -> Project:
    """Two mappings with two files each."""
    other = project.folder / "other"
    project.configure(
        {"name": "other", "directory": str(other), "experiment": project.eid, "prefix": "o"},
        prefix="m",
    )
    for place in (project.root, other):
        project.write("run/1.csv", "1", under=place)
        project.write("run-2/2.csv", "2", under=place)
    return project
