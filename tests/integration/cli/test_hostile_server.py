"""A server that names, times, lengths and contents of files make no sense of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.client_faults import MIB
from tests.support.project import run
from tests.support.raw_server import Peer, RawServer
from tests.support.scripted_server import EID, EXPERIMENT

AT = "2026-11-23T10:11:45.826756+00:00"
FILES = [
    ("a.csv", AT),
    ("half \ud800.csv", AT),
    ("no UTF-8 \udce9.csv", AT),
    ("old.csv", "0001-01-01T00:00:00+14:00"),
    ("late.csv", "9999-12-31T23:59:59-14:00"),
    ("no time.csv", "yesterday"),
    ("fails.csv", AT),
    ("z.csv", AT),
]


class Hostile:
    """Lists `files`, and gives each the content abc; ``endless.csv`` goes on after it."""

    def __init__(self) -> None:
        self.files = FILES
        self.sent = 0

    def serve(self, peer: Peer) -> None:
        while (request := peer.request())[0]:
            target = request[0].split()[1]
            if target.endswith(b"/graphql"):
                peer.answer("200 OK", json.dumps({"data": self._data()}).encode())
            elif b"fails" in target:
                peer.answer("500 Internal Server Error", b"Internal Server Error")
            elif b"endless" in target:
                self._endless(peer)
            else:
                peer.answer("200 OK", b"abc")

    def _data(self) -> dict[str, Any]:
        files = [{"name": name, "modifiedAt": at} for name, at in self.files]
        found = {"totalExperimentsCount": 1, "experimentsData": [EXPERIMENT]}
        return {"e0": {**EXPERIMENT, "files": files}, "experiments": found}

    def _endless(self, peer: Peer) -> None:
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        while True:
            peer.sock.sendall(b"%x\r\n%b\r\n" % (MIB // 4, b"x" * (MIB // 4)))
            self.sent += MIB // 4


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def url(hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    with RawServer(hostile.serve) as raw:
        yield raw.url


def test_one_file_that_cannot_be_had_stops_no_other(url: str) -> None:
    ran = run("files", "get", EID, "--to", "got", "--url", url)
    assert ran.exit_code == 1
    assert {path.read_bytes() for path in Path("got").iterdir()} == {b"abc"}
    had = {path.name for path in Path("got").iterdir()}
    assert had == {name for name, _ in FILES} - {"half \ud800.csv", "fails.csv"}
    assert "cannot be a path on this machine" in ran.err
    assert ran.err.count("error: ") == 2


def test_a_time_that_is_none_is_left_empty(url: str) -> None:
    ran = run("files", "list", EID, "--json", "--url", url)
    assert ran.exit_code == 0, ran.err
    times = {file["name"]: file["uploaded_at"] for file in json.loads(ran.out)}
    assert times["a.csv"] == AT
    assert {name for name, time in times.items() if time is None} == {
        *("old.csv", "late.csv", "no time.csv")
    }
    assert run("files", "list", EID, "--url", url).exit_code == 0


def test_a_comparison_ends_where_nothing_can_match_any_more(
    url: str, hostile: Hostile, tmp_path: Path
) -> None:
    hostile.files = [("endless.csv", AT)]
    data = tmp_path / "data"
    data.mkdir()
    (data / "endless.csv").write_bytes(b"abc")
    mapping = {"name": "a", "directory": str(data), "experiment": EID, "settle": "0s"}
    config = tmp_path / "aqsync.yaml"
    config.write_text(
        yaml.safe_dump({"server": {"url": url}, "journal": "state/j.db", "mappings": [mapping]})
    )
    ran = run("push", "--config", config)
    assert ran.exit_code == 1
    assert "another file of this name was on the server first" in ran.out
    assert hostile.sent <= 16 * MIB  # what the sockets hold
