"""The lower layer against the embedded server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from aqsync.aqueduct.client import Client
from aqsync.errors import (
    ExperimentNotFound,
    FileChanged,
    NameNotSendable,
    OperationFailed,
    RemoteFileNotFound,
    TokenRefused,
    TransferRefused,
)
from tests.support.embedded import EmbeddedServer

MIB = 1 << 20


@pytest.fixture
def server(embedded_server: EmbeddedServer) -> Iterator[Client]:
    with Client(embedded_server.url + "/") as found:
        yield found


@pytest.fixture
def experiment(server: Client) -> Iterator[UUID]:
    ref = server.create_experiment("client library", "made by a test")
    yield ref.uuid
    server.remove_experiment(ref.uuid)


def read(server: Client, experiment: UUID, name: str) -> bytes:
    with server.download(experiment, name) as download:
        data = b"".join(download.chunks())
        assert download.length == len(data)
        return data


def names(server: Client, experiment: UUID) -> set[str]:
    lists = server.list_files([experiment])
    assert lists is not None
    files = lists.files[experiment]
    assert files is not None
    return {file.name for file in files}


@pytest.mark.parametrize(
    ("name", "length"),
    [("a.csv", 10240), ("empty", 0), ("µ ~=#%&+.dat", 5), ("large.bin", 3 * MIB + 7)],
)
def test_what_is_uploaded_comes_back(
    server: Client, experiment: UUID, name: str, length: int
) -> None:
    data = hashlib.shake_128(name.encode()).digest(length)
    chunks = (data[start : start + MIB] for start in range(0, length, MIB))
    receipt = server.upload(experiment, name, chunks, length)
    assert receipt.server_date is not None
    assert abs(receipt.server_date - datetime.now(UTC)) < timedelta(minutes=1)
    assert read(server, experiment, name) == data
    assert names(server, experiment) == {name}


def test_an_upload_replaces_the_file_of_the_same_name(server: Client, experiment: UUID) -> None:
    server.upload(experiment, "a", [b"old"], 3)
    server.upload(experiment, "a", [b"newer"], 5)
    assert read(server, experiment, "a") == b"newer"


@pytest.mark.parametrize("length", [100, 2 * MIB])
@pytest.mark.parametrize("given", [-1, 1])
def test_a_source_of_another_length_stores_nothing(
    server: Client, experiment: UUID, length: int, given: int
) -> None:
    with pytest.raises(FileChanged):
        server.upload(experiment, "a", [bytes(length + given)], length)
    assert names(server, experiment) == set()


@pytest.mark.parametrize("length", [100, 2 * MIB])
def test_an_error_of_the_source_passes_through_and_stores_nothing(
    server: Client, experiment: UUID, length: int
) -> None:
    changed = FileChanged("the guard saw a change")

    def source() -> Iterator[bytes]:
        yield bytes(length)
        raise changed

    with pytest.raises(FileChanged) as caught:
        server.upload(experiment, "a", source(), length)
    assert caught.value is changed
    assert names(server, experiment) == set()
    server.upload(experiment, "b", [b"the next one works"], 18)


def test_a_name_that_cannot_travel_is_refused_before_the_source_is_touched(
    server: Client, experiment: UUID
) -> None:
    source = iter([b"x"])
    with pytest.raises(NameNotSendable):
        server.upload(experiment, "漢字", source, 1)
    assert list(source) == [b"x"]


def test_the_server_says_why_it_refuses_a_file(server: Client, experiment: UUID) -> None:
    with pytest.raises(TransferRefused, match=r"'CON'.*: Invalid file name$") as caught:
        server.upload(experiment, "CON", [b"x"], 1)
    assert caught.value.status == 400


def test_a_file_over_the_limit_is_refused_early(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path / "data", max_file_bytes=MIB) as embedded,
        Client(embedded.url) as server,
    ):
        experiment = server.create_experiment("t", "d").uuid
        given = 0

        def source() -> Iterator[bytes]:
            nonlocal given
            for _ in range(1024):
                given += MIB
                yield bytes(MIB)

        with pytest.raises(TransferRefused, match="takes at most") as caught:
            server.upload(experiment, "big", source(), 1024 * MIB)
        assert caught.value.status == 413
        assert given < 64 * MIB


def test_a_missing_experiment_is_told_from_a_missing_file(server: Client, experiment: UUID) -> None:
    with pytest.raises(ExperimentNotFound):
        server.upload(uuid4(), "a", [b"x"], 1)
    for name in ("a", "..", ".", "", "../a", "x" * 5000):
        with pytest.raises(TransferRefused), server.download(experiment, name):
            pass
    with pytest.raises(RemoteFileNotFound), server.download(experiment, "a"):
        pass


def test_many_threads_share_one_server(server: Client, experiment: UUID) -> None:
    def send(worker: int) -> None:
        for number in range(10):
            name = f"{worker}-{number}"
            server.upload(experiment, name, [name.encode()], len(name))

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"{worker}-{number}" for worker in range(6) for number in range(10)}
    assert names(server, experiment) == expected
    assert all(read(server, experiment, name) == name.encode() for name in sorted(expected)[::7])


def test_one_request_lists_several_experiments(server: Client, experiment: UUID) -> None:
    other = server.create_experiment("other", "")
    missing = uuid4()
    server.upload(experiment, "a", [b"1"], 1)
    lists = server.list_files([experiment, missing, other.uuid])
    assert lists is not None
    assert list(lists.files) == [experiment, missing, other.uuid]
    assert lists.files[missing] is None
    assert lists.files[other.uuid] == []
    server.remove_experiment(other.uuid)


def test_an_unchanged_list_is_recognised_by_its_digest(server: Client, experiment: UUID) -> None:
    first = server.list_files([experiment])
    assert first is not None
    assert server.list_files([experiment], known_digest=first.digest) is None
    server.upload(experiment, "a", [b"1"], 1)
    second = server.list_files([experiment], known_digest=first.digest)
    assert second is not None
    assert second.digest != first.digest
    server.upload(experiment, "a", [b"1"], 1)  # the same bytes, a later time
    assert server.list_files([experiment], known_digest=second.digest) is not None


def test_the_digest_of_other_experiments_is_another(server: Client, experiment: UUID) -> None:
    other = server.create_experiment("other", "").uuid
    first = server.list_files([experiment])
    assert first is not None
    assert server.list_files([other], known_digest=first.digest) is not None
    server.remove_experiment(other)


def test_experiments_are_found_by_eid_across_requests(server: Client) -> None:
    ref = server.create_experiment("to be found", "µ", ["Tag"])
    asked = [f"19990101-{number}" for number in range(1, 150)] + [ref.eid]
    found = server.resolve(asked)
    assert list(found) == asked
    assert found[ref.eid] == ref == server.experiment_by_eid(ref.eid) == server.experiment(ref.uuid)
    assert ref.tags == ("Tag",)
    assert ref.description == "µ"
    assert {value for eid, value in found.items() if eid != ref.eid} == {None}
    server.remove_experiment(ref.uuid)
    assert server.resolve([ref.eid, "no such thing"]) == {ref.eid: None, "no such thing": None}
    for missing in (
        lambda: server.experiment(ref.uuid),
        lambda: server.experiment_by_eid(ref.eid),
        lambda: server.update_experiment(ref.uuid, title="x"),
        lambda: server.remove_experiment(ref.uuid),
    ):
        with pytest.raises(ExperimentNotFound):
            missing()


def test_a_search_filters_and_counts(server: Client) -> None:
    mark = uuid4().hex
    refs = [server.create_experiment(f"{mark} {n}", "", [f"t{n}"]) for n in range(3)]
    page = server.find(title=mark.upper(), limit=2)
    assert page.total == 3
    assert [ref.uuid for ref in page.experiments] == [refs[2].uuid, refs[1].uuid]
    assert server.find(title=mark, offset=2).experiments == [refs[0]]
    assert server.find(title=mark, any_tags=["T1", "t2"]).total == 2
    assert server.find(title=mark, all_tags=["t1", "t2"]).total == 0
    hour = timedelta(hours=1)
    assert server.find(title=mark, start=datetime.now(UTC) - hour).total == 3
    assert server.find(title=mark, end=datetime.now() - hour).total == 0  # noqa: DTZ005 - local time is meant
    with pytest.raises(OperationFailed, match="limit"):
        server.find(limit=501)
    for ref in refs:
        server.remove_experiment(ref.uuid)


def test_tags_are_added_and_removed(server: Client, experiment: UUID) -> None:
    server.add_tags(experiment, ["one", "qubit:3"])
    server.add_tags(experiment, ["ONE"])
    assert set(server.experiment(experiment).tags) == {"one", "qubit:3"}
    server.remove_tag(experiment, "one")
    assert server.experiment(experiment).tags == ("qubit:3",)
    with pytest.raises(OperationFailed, match="removal of tag one"):
        server.remove_tag(experiment, "one")
    with pytest.raises(OperationFailed, match="refused"):
        server.add_tags(experiment, ["not a tag"])


def test_files_are_removed_all_or_none(server: Client, experiment: UUID) -> None:
    for name in ("a", "µ#", "c"):
        server.upload(experiment, name, [b"x"], 1)
    with pytest.raises(TransferRefused, match="missing") as caught:
        server.remove_files(experiment, ["a", "missing"])
    assert caught.value.status == 409
    server.remove_files(experiment, ["a", "µ#"])
    assert names(server, experiment) == {"c"}
    with pytest.raises(TransferRefused) as caught:
        server.remove_files(experiment, [])
    assert caught.value.status == 400


def test_a_download_left_early_costs_nothing_and_the_next_request_works(
    server: Client, experiment: UUID
) -> None:
    server.upload(experiment, "big", iter([bytes(8 * MIB)]), 8 * MIB)
    with server.download(experiment, "big") as download:
        assert download.length == 8 * MIB
    with server.download(experiment, "big") as download:
        assert next(download.chunks())
    assert names(server, experiment) == {"big"}


def test_the_header_check_passes_where_nothing_drops_the_header(server: Client) -> None:
    server.check_file_name_header()


def refusals(server: Client, experiment: UUID) -> list[Callable[[], object]]:
    return [
        lambda: server.create_experiment("t", "d"),
        lambda: server.upload(experiment, "a", [b"x"], 1),
        lambda: server.upload(experiment, "a", [bytes(MIB)] * 500, 500 * MIB),
        lambda: server.remove_files(experiment, ["a"]),
        lambda: read(server, experiment, "a"),
        server.check_file_name_header,
    ]


def test_a_token_is_sent_with_everything(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", token="s3cret-s3cret") as embedded:
        with Client(embedded.url, "s3cret-s3cret") as server:
            experiment = server.create_experiment("t", "d").uuid
            server.upload(experiment, "a", [b"x"], 1)
            assert read(server, experiment, "a") == b"x"
            server.remove_files(experiment, ["a"])
        for token in (None, "wr0ng"):
            with Client(embedded.url, token) as server:
                for refused in refusals(server, experiment):
                    with pytest.raises(TokenRefused) as caught:
                        refused()
                    assert "wr0ng" not in caught.value.message + caught.value.hint
                assert "wr0ng" not in repr(server)


def test_a_restarted_server_is_found_again_at_once(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data") as embedded, Client(embedded.url) as server:
        experiment = server.create_experiment("t", "d").uuid
        embedded.restart()
        server.upload(experiment, "small", [b"x"], 1)
        embedded.restart()
        server.upload(experiment, "large", iter([bytes(MIB)]), MIB)
        embedded.restart()
        server.create_experiment("another", "")
        assert names(server, experiment) == {"small", "large"}


def test_the_server_tells_its_time_to_anybody(server: Client, tmp_path: Path) -> None:
    shown = server.server_time()
    assert shown is not None
    assert abs(shown - datetime.now(UTC)) < timedelta(minutes=1)
    with (
        EmbeddedServer(tmp_path / "data", token="a-token-of-some-length") as closed,
        Client(closed.url) as without,
    ):
        assert without.server_time() is not None
