"""What syncing asks of a server gets the same answers from a real one and from the fake one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from aqsync.aqueduct.client import Client
from aqsync.aqueduct.records import Expected, RemoteFile, UploadReceipt
from aqsync.errors import (
    ExperimentNotFound,
    FileChanged,
    NameNotSendable,
    OperationFailed,
    RemoteChanged,
    RemoteFileNotFound,
    TransferRefused,
)
from tests.simulation.fake_server import SimulatedServer
from tests.support.embedded import EmbeddedServer
from tests.support.fake_clock import FakeClock


class Place(NamedTuple):
    """An empty experiment on a server."""

    server: Client
    eid: str
    uuid: UUID
    pass_time: Callable[[], None]

    def upload(self, name: str, content: bytes) -> None:
        self.server.upload(self.uuid, name, [content] if content else [], len(content))

    def list(self) -> list[RemoteFile]:
        lists = self.server.list_files([self.uuid])
        assert lists is not None
        files = lists.files[self.uuid]
        assert files is not None
        return files

    def download(self, name: str) -> bytes:
        with self.server.download(self.uuid, name) as download:
            content = b"".join(download.chunks())
        assert download.length == len(content)
        return content

    def tags(self) -> Sequence[str]:
        found = self.server.resolve([self.eid])[self.eid]
        assert found is not None
        return found.tags


@pytest.fixture(params=["real", "fake"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "real":
        url = request.getfixturevalue("embedded_server")
        assert isinstance(url, EmbeddedServer)
        with Client(url.url) as server:
            made = server.create_experiment("simulated", "")
            yield Place(server, made.eid, made.uuid, lambda: None)
    else:
        clock = FakeClock()
        fake = SimulatedServer(clock)
        fake.checks_conditions = True
        experiment = fake.create("20261123-7")
        yield Place(fake, experiment.eid, experiment.uuid, lambda: clock.advance(2))


def test_experiments_are_found(place: Place) -> None:
    found = place.server.resolve([place.eid, "20000101-1"])
    assert list(found) == [place.eid, "20000101-1"]
    assert found["20000101-1"] is None
    experiment = found[place.eid]
    assert experiment is not None
    assert (experiment.eid, experiment.uuid) == (place.eid, place.uuid)


@pytest.mark.parametrize("content", [b"", b"1", bytes(300_000)], ids=len)
def test_files_come_back_as_they_were_sent(place: Place, content: bytes) -> None:
    place.upload("a~b.csv", content)
    assert place.download("a~b.csv") == content


def test_lists(place: Place) -> None:
    assert place.list() == []
    for name in ("b", "a", "µ.csv"):
        place.upload(name, b"x")
    files = place.list()
    assert [file.name for file in files] == ["a", "b", "µ.csv"]
    assert len({file.modified_at for file in files}) == 3
    assert all(datetime.fromisoformat(file.modified_at).tzinfo for file in files)


def test_a_file_that_is_replaced_gets_another_time(place: Place) -> None:
    place.upload("a", b"one")
    [before] = place.list()
    place.upload("a", b"two")
    [after] = place.list()
    assert after.modified_at > before.modified_at
    assert place.download("a") == b"two"


def test_the_receipt_tells_the_servers_time(place: Place) -> None:
    receipt = place.server.upload(place.uuid, "a", [b"x"], 1)
    [file] = place.list()
    assert receipt.server_date is not None
    stored = datetime.fromisoformat(file.modified_at)
    assert abs((receipt.server_date - stored).total_seconds()) < 5
    assert receipt.server_date.microsecond == 0


def test_a_probe_tells_of_one_file(place: Place) -> None:
    assert place.server.probe_file(place.uuid, "a") is None
    place.upload("a", b"one")
    first = place.server.probe_file(place.uuid, "a")
    [file] = place.list()
    assert first is not None
    stored = int(datetime.fromisoformat(file.modified_at).timestamp())
    assert (first.size, first.modified_second) == (3, stored)
    assert place.server.probe_file(place.uuid, "a") == first
    place.upload("a", b"two")
    second = place.server.probe_file(place.uuid, "a")
    assert second is not None
    assert second.etag not in {None, first.etag}
    with pytest.raises(ExperimentNotFound):
        place.server.probe_file(uuid4(), "a")


def test_what_is_expected_must_be_there(place: Place) -> None:
    def upload(content: bytes, expected: Expected | None) -> UploadReceipt:
        return place.server.upload(place.uuid, "a", [content], 1, expected=expected)

    first = upload(b"1", Expected(None))
    [file] = place.list()
    assert (first.modified_at, first.condition_checked) == (file.modified_at, True)
    for wrong in (Expected(None), Expected("2001-01-01T00:00:00+00:00")):
        for attempt in (
            partial(upload, b"2", wrong),
            partial(place.server.remove_files, place.uuid, ["a"], expected=wrong),
        ):
            with pytest.raises(RemoteChanged) as caught:
                attempt()
            assert (caught.value.present, caught.value.modified_at) == (True, first.modified_at)
    assert place.download("a") == b"1"
    second = upload(b"3", Expected(first.modified_at))
    third = upload(b"4", None)
    assert (second.condition_checked, third.condition_checked) == (True, False)
    assert first.modified_at != second.modified_at != third.modified_at is not None
    removed = place.server.remove_files(place.uuid, ["a"], expected=Expected(third.modified_at))
    assert removed.condition_checked
    with pytest.raises(RemoteChanged) as caught:
        upload(b"5", Expected(third.modified_at))
    assert (caught.value.present, caught.value.modified_at) == (False, None)
    assert place.list() == []


def test_a_digest_tells_whether_lists_have_changed(place: Place) -> None:
    place.upload("a", b"x")
    first = place.server.list_files([place.uuid])
    assert first is not None
    assert place.server.list_files([place.uuid], known_digest=first.digest) is None
    place.pass_time()
    place.upload("a", b"x")
    second = place.server.list_files([place.uuid], known_digest=first.digest)
    assert second is not None
    assert second.digest != first.digest


def test_an_experiment_that_is_not_there(place: Place) -> None:
    nobody = uuid4()
    lists = place.server.list_files([place.uuid, nobody])
    assert lists is not None
    assert lists.files == {place.uuid: [], nobody: None}
    with pytest.raises(ExperimentNotFound):
        place.server.upload(nobody, "a", [b"x"], 1)
    with pytest.raises(ExperimentNotFound):
        place.server.remove_files(nobody, ["a"])
    with pytest.raises(ExperimentNotFound):
        place.server.add_tags(nobody, ["tag"])
    with pytest.raises(ExperimentNotFound), place.server.download(nobody, "a"):
        pass


def test_a_file_that_is_not_there(place: Place) -> None:
    with pytest.raises(RemoteFileNotFound), place.server.download(place.uuid, "none"):
        pass


def test_files_are_removed_all_or_none(place: Place) -> None:
    for name in ("a", "b"):
        place.upload(name, b"x")
    with pytest.raises(TransferRefused) as caught:
        place.server.remove_files(place.uuid, ["a", "none"])
    assert caught.value.status == 409
    assert [file.name for file in place.list()] == ["a", "b"]
    place.server.remove_files(place.uuid, ["a"])
    assert [file.name for file in place.list()] == ["b"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a/b", TransferRefused),
        ("con.csv", TransferRefused),
        ("a.", TransferRefused),
        ("x" * 256, TransferRefused),
        ("温度", NameNotSendable),
        (" a", NameNotSendable),
        ("a\n", NameNotSendable),
    ],
    ids=ascii,
)
def test_names_that_are_refused(place: Place, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        place.upload(name, b"x")
    assert place.list() == []


@pytest.mark.parametrize("chunks", [[b"12"], [b"12", b"34"], []], ids=str)
def test_nothing_is_stored_of_a_file_of_another_length(place: Place, chunks: list[bytes]) -> None:
    with pytest.raises(FileChanged):
        place.server.upload(place.uuid, "a", chunks, 3)
    assert place.list() == []


def test_what_the_source_raises_comes_out_and_nothing_is_stored(place: Place) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"1"
        raise FileChanged("it changed")

    with pytest.raises(FileChanged, match="it changed"):
        place.server.upload(place.uuid, "a", chunks(), 2)
    assert place.list() == []


def test_tags(place: Place) -> None:
    place.server.add_tags(place.uuid, ["Alpha", "beta"])
    place.server.add_tags(place.uuid, ["ALPHA", "gamma"])
    assert set(place.tags()) == {"Alpha", "beta", "gamma"}
    for bad in (["new", "not a tag"], ["new", "NEW"], ["new", "x" * 65]):
        with pytest.raises(OperationFailed):
            place.server.add_tags(place.uuid, bad)
    assert set(place.tags()) == {"Alpha", "beta", "gamma"}


def test_the_check_of_the_header_leaves_nothing(place: Place) -> None:
    place.server.check_file_name_header()
    assert place.list() == []
