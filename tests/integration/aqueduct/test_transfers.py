"""Uploads and downloads of the API: progress, names, nothing by halves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync import API, Experiment
from aqsync.errors import (
    FileChanged,
    FileUnreadable,
    LocalError,
    NameNotSendable,
    ServerUnreachable,
    TransferRefused,
)
from tests.support.embedded import EmbeddedServer
from tests.support.raw_server import Peer, RawServer
from tests.support.scripted_server import EXPERIMENT

MIB = 1 << 20


@pytest.fixture
def experiment(embedded_server: EmbeddedServer) -> Iterator[Experiment]:
    with API(embedded_server.url, 10) as api:
        made = api.create_experiment("transfers", "")
        yield made
        api.remove_experiment_by_eid(made.eid)


def names(experiment: Experiment) -> list[str]:
    return sorted(name for name, _ in experiment.files)


class Told:
    """A progress callback that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.calls.append((done, total))


@pytest.mark.parametrize("size", [0, 10, 3 * MIB + 1])
def test_progress_runs_from_nothing_to_all(
    experiment: Experiment, tmp_path: Path, size: int
) -> None:
    (tmp_path / "a").write_bytes(os.urandom(size))
    (tmp_path / "down").mkdir()
    up, down = Told(), Told()
    experiment.upload_file(tmp_path / "a", progress=up)
    experiment.download_file("a", tmp_path / "down", progress=down)
    for told in (up, down):
        assert told.calls[0] == (0, size)
        assert told.calls[-1] == (size, size)
        assert told.calls == sorted(set(told.calls))
    if size > MIB:
        assert len(up.calls) > 3
        assert len(down.calls) > 3
    assert (tmp_path / "down" / "a").read_bytes() == (tmp_path / "a").read_bytes()


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_what_a_callback_raises_ends_an_upload(
    experiment: Experiment, tmp_path: Path, size: int
) -> None:
    def stop(done: int, _: int | None) -> None:
        if done:
            raise BrokenPipeError

    (tmp_path / "a").write_bytes(bytes(size))
    with pytest.raises(BrokenPipeError):
        experiment.upload_file(tmp_path / "a", progress=stop)
    assert names(experiment) == []


def test_what_a_callback_raises_ends_a_download(experiment: Experiment, tmp_path: Path) -> None:
    def stop(done: int, _: int | None) -> None:
        if done > MIB:
            raise BrokenPipeError

    (tmp_path / "a").write_bytes(os.urandom(3 * MIB))
    experiment.upload_file(tmp_path / "a")
    (tmp_path / "a").write_text("mine")
    with pytest.raises(BrokenPipeError):
        experiment.download_file("a", tmp_path, progress=stop)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "mine")]


def test_a_file_may_have_another_name_there(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "漢.csv").write_text("1")
    with pytest.raises(NameNotSendable, match="outside Latin-1") as caught:
        experiment.upload_file(tmp_path / "漢.csv")
    assert "another name" in caught.value.hint
    experiment.upload_file(tmp_path / "漢.csv", name="kanji.csv")
    assert names(experiment) == ["kanji.csv"]


@pytest.mark.parametrize(
    "name",
    ["µ °C.csv", "50 % #3.dat", "a~b=c@d+e!f&[g](h)'.txt", "é" * 127, ".hidden", "%2e%2e", "ÿ"],
)
def test_any_name_that_a_header_can_carry_comes_and_goes(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "source").write_text(name)
    experiment.upload_file(tmp_path / "source", name=name)
    experiment.download_file(name, tmp_path)
    assert (tmp_path / name).read_text() == name
    experiment.remove_files([name])
    assert names(experiment) == []


@pytest.mark.parametrize("name", ["漢", "a\nb", " a", "a ", "", "\udcff", "a\0b"])
def test_a_name_that_a_header_cannot_carry_is_told(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "source").write_text("1")
    with pytest.raises(NameNotSendable, match="cannot be sent"):
        experiment.upload_file(tmp_path / "source", name=name)
    assert names(experiment) == []


@pytest.mark.parametrize("name", ["a/b", "a:b", "nul.txt", "a."])
def test_a_name_that_the_server_refuses_is_told(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "source").write_text("1")
    with pytest.raises(TransferRefused, match="Invalid file name") as caught:
        experiment.upload_file(tmp_path / "source", name=name)
    assert caught.value.status == 400


def test_a_file_that_grows_while_it_is_sent_is_not_stored(
    experiment: Experiment, tmp_path: Path
) -> None:
    source = tmp_path / "log"
    source.write_bytes(bytes(2 * MIB))

    def append(*_: object) -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(FileChanged):
        experiment.upload_file(source, progress=append)
    assert names(experiment) == []


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/proc/self/mem", FileUnreadable, "cannot be read: input/output error"),
        ("/dev/null", FileUnreadable, "is not a regular file"),
        ("/etc/hostname/below", FileUnreadable, "cannot be read: not a directory"),
        ("a\0b", FileUnreadable, "cannot be the path of a file"),
        ("", FileUnreadable, "is not a regular file"),
    ],
)
def test_what_cannot_be_read_is_told(
    experiment: Experiment, path: str, kind: type[LocalError], said: str
) -> None:
    with pytest.raises(kind, match=f"(?i){said}"):
        experiment.upload_file(path)
    assert names(experiment) == []


def test_where_nothing_can_be_written_is_told(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    experiment.upload_file(tmp_path / "a")
    (tmp_path / "down" / "a").mkdir(parents=True)
    for folder in (tmp_path / "a", tmp_path / "nowhere", tmp_path / "down", "a\0b", "/proc"):
        with pytest.raises(LocalError, match=r"cannot be|left as it is"):
            experiment.download_file("a", folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "a", "down"]


def answer_experiments(peer: Peer) -> bytes:
    """Answer questions for an experiment; return the head of the first other request."""
    while True:
        head, _ = peer.request()
        if not head.startswith(b"POST /api/graphql"):
            return head
        peer.answer("200 OK", json.dumps({"data": {"e0": EXPERIMENT}}).encode())


def test_a_download_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    def handler(peer: Peer) -> None:
        answer_experiments(peer)
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")

    (tmp_path / "a").write_text("old")
    told = Told()
    with RawServer(handler) as raw, API(raw.url, 5) as api:
        found = api.get_experiment_by_eid("1")
        with pytest.raises(ServerUnreachable, match="broke off"):
            found.download_file("a", str(tmp_path), progress=told)
    assert told.calls == [(0, 1000), (4, 1000)]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_every_request_carries_the_token(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def handler(peer: Peer) -> None:
        while True:
            head, _ = peer.request()
            if not head:
                return
            seen.append(head)
            if head.startswith(b"POST /api/graphql"):
                peer.answer("200 OK", json.dumps({"data": {"e0": EXPERIMENT}}).encode())
            else:
                peer.answer("200 OK", b'{"result": "done"}')

    (tmp_path / "a").write_text("1")
    with RawServer(handler) as raw, API(raw.url, 5, token="s3cret") as api:
        found = api.get_experiment_by_eid("1")
        found.upload_file(tmp_path / "a")
        found.download_file("a", tmp_path)
        found.remove_files(["µ"])
    assert [head.split()[0] for head in seen] == [b"POST", b"POST", b"GET", b"POST"]
    assert all(b"Authorization: Bearer s3cret" in head for head in seen)
