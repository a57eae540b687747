"""What manifests say is read once, and a hostile one costs nothing but a line in the log."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import pytest

from aqsync.aqueduct.download import Download
from aqsync.errors import ServerUnreachable
from aqsync.layout.manifest import Header, ManifestFile, Source, manifest_name, write
from aqsync.layout.names import remote_name
from aqsync.sync import known_manifests
from aqsync.sync.known_manifests import KnownManifests
from tests.support.lab import EID, Lab

AT = "2026-11-23T10:00:00+00:00"


def name_of(number: int = 1) -> str:
    return manifest_name("pc", f"{number:012x}")


def line(path: str = "run/a.csv", /, **changes: object) -> ManifestFile:
    known: dict[str, object] = {
        "path": path,
        "source": 0,
        "name": remote_name(path),
        "size": 4,
        "sha256": "ab" * 32,
        "mtime_ns": 1,
        "sent_at": AT,
        "modified_at": AT,
    }
    return ManifestFile.model_validate(known | changes)


def manifest(*lines: ManifestFile) -> bytes:
    header = Header(
        host="pc",
        experiment="0a4f5c5e-8d0c-4a57-9a13-6f4a6c6f2a11",
        eid=EID,
        written_at=AT,
        sources=(Source(mapping="lab", directory="/data"),),
    )
    target = io.BytesIO()
    write(target, header, lines)
    return target.getvalue()


class Reading:
    """Manifests on a server, and who reads them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.known = KnownManifests(lab.server, lab.journal)

    def put(self, content: bytes, number: int = 1) -> None:
        self.lab.server.put(EID, name_of(number), content)
        self.list()

    def list(self) -> None:
        assert self.lab.engine.refresh([EID])

    def sha256(self, path: str = "run/a.csv", listed: str = AT) -> str | None:
        found = self.known.line(EID, remote_name(path), listed)
        return None if found is None else found.sha256.hex()


@pytest.fixture
def reading(lab: Lab) -> Iterator[Reading]:
    made = Reading(lab)
    made.list()
    yield made
    made.known.close()


def test_a_line_is_found_by_name_and_listed_time(reading: Reading) -> None:
    reading.put(manifest(line(), line("run/ein\udcffes", path="", path_base64="cnVuL2Vpbv9lcw==")))
    assert reading.sha256() == "ab" * 32
    assert reading.sha256("run/b.csv") is None
    assert reading.sha256(listed="2026-11-23T10:00:01+00:00") is None
    odd = reading.known.line(EID, remote_name("run/ein\udcffes"), AT)
    assert odd is not None
    assert odd.path == "run/ein\udcffes"


def test_each_version_is_read_once(reading: Reading) -> None:
    reading.put(manifest(line()))
    for _ in range(3):
        reading.sha256()
    assert reading.lab.server.called("download") == [name_of()]
    reading.put(manifest(line(sha256="cd" * 32)))
    assert reading.sha256() == "cd" * 32
    assert reading.lab.server.called("download") == [name_of()] * 2
    del reading.lab.server.of(EID).files[name_of()]
    reading.list()
    assert reading.sha256() is None


def test_freed_is_what_any_manifest_says(reading: Reading) -> None:
    reading.put(manifest(line()))
    name = remote_name("run/a.csv")
    assert reading.known.freed(EID, name) is None
    reading.put(manifest(line(freed_at=AT)), 2)
    found = reading.known.freed(EID, name)
    assert found is not None
    assert found.freed_at == AT


def test_what_one_said_that_is_gone_since_the_list_is_not_known(reading: Reading) -> None:
    """It may be replaced just now, and the next version may say that a file was freed."""
    reading.put(manifest(line()))
    del reading.lab.server.of(EID).files[name_of()]
    [gone] = reading.known.manifests(EID)
    assert gone.problem
    reading.put(manifest(line(freed_at=AT)))
    assert reading.known.freed(EID, remote_name("run/a.csv")) is not None


def test_forged_lines_are_passed_over(reading: Reading) -> None:
    huge = line("run/c.csv", size=2**64)
    reading.put(manifest(line(name="run~b.csv"), line(source=7), huge))
    assert reading.sha256("run/b.csv") is None
    assert reading.sha256() is None
    assert reading.sha256("run/c.csv") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(manifest(line())[:-9], id="cut off"),
        pytest.param(gzip.compress(b"{}\n"), id="no header"),
        pytest.param(gzip.compress(b"x" * 100_000), id="a long line"),
        pytest.param(
            gzip.compress(gzip.decompress(manifest(line())) + b"{}\n"), id="a strange line"
        ),
    ],
)
def test_a_broken_manifest_is_said_once_and_hides_no_other(
    reading: Reading, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reading.put(content)
    reading.put(manifest(line("run/b.csv")), 2)
    for _ in range(2):
        assert reading.sha256() is None
        assert reading.sha256("run/b.csv") == "ab" * 32
    assert caplog.messages.count("a manifest is passed over") == 1
    good, broken = reading.known.manifests(EID)
    assert broken.problem
    assert [found.path for found in reading.known.lines(good)] == ["run/b.csv"]


def test_only_so_many_are_read(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_manifests, "MOST_MANIFESTS", 2)
    for number in (1, 2, 3):
        reading.put(manifest(line(f"run/{number}")), number)

    def found() -> list[int]:
        return [number for number in (1, 2, 3) if reading.sha256(f"run/{number}") is not None]

    assert found() == [2, 3]
    del reading.lab.server.of(EID).files[name_of(2)]
    reading.list()
    assert found() == [1, 3]


def test_only_so_many_lines_and_bytes(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_manifests, "MOST_LINES", 2)
    reading.put(manifest(line("run/1"), line("run/2")))
    reading.put(manifest(line("run/3")), 2)
    assert reading.sha256("run/3") == "ab" * 32
    assert reading.sha256("run/2") is None
    monkeypatch.setattr(known_manifests, "MOST_PACKED", 3)
    reading.put(manifest(line("run/1")))
    assert reading.sha256("run/1") is None


def test_a_server_that_is_away_is_no_answer(reading: Reading) -> None:
    reading.put(manifest(line()))
    reading.lab.server.troubles["download"].append(ServerUnreachable("away"))
    with pytest.raises(ServerUnreachable):
        reading.sha256()
    assert reading.sha256() == "ab" * 32


def test_a_slow_manifest_holds_up_its_own_experiment_only(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, other = reading.lab.server, "20261123-2"
    server.add(other)
    reading.put(manifest(line()))
    server.put(other, name_of(), manifest(line(sha256="cd" * 32)))
    assert reading.lab.engine.refresh([EID, other])
    download, begun, may_end = server.download, threading.Event(), threading.Event()

    @contextmanager
    def slow(uuid: UUID, name: str) -> Iterator[Download]:
        if uuid == server.of(EID).uuid:
            begun.set()
            may_end.wait()
        with download(uuid, name) as found:
            yield found

    monkeypatch.setattr(server, "download", slow)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(reading.sha256)
        begun.wait()
        found = reading.known.line(other, remote_name("run/a.csv"), AT)
        may_end.set()
        assert found is not None
        assert (found.sha256.hex(), first.result()) == ("cd" * 32, "ab" * 32)


def test_a_large_one_that_comes_slowly_shows_that_it_gets_on(reading: Reading) -> None:
    reading.put(manifest(line()))
    moved = list[float]()
    reading.known.moved = lambda: moved.append(reading.lab.clock.monotonic())
    reading.sha256()
    assert moved


def test_many_lines_are_given_in_turns(reading: Reading) -> None:
    paths = [f"run/{number:05}" for number in range(2_500)]
    reading.put(manifest(*map(line, paths)))
    [known] = reading.known.manifests(EID)
    assert known.files == 2_500
    assert [found.path for found in reading.known.lines(known)] == paths
