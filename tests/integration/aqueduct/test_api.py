"""The objects for scripts and notebooks, against the embedded server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

import aqsync
from aqsync import API, Experiment
from aqsync.errors import (
    ConfigError,
    ExperimentNotFound,
    FileUnreadable,
    FileVanished,
    LocalError,
    NameNotSendable,
    RemoteFileNotFound,
    ServerUnreachable,
    WrongArgument,
)
from tests.support.raw_server import Peer, RawServer


@pytest.fixture
def experiment(api: API) -> Iterator[Experiment]:
    made = api.create_experiment("Cooldown", "first try")
    yield made
    api.remove_experiment_by_eid(made.eid)


def test_an_experiment_shows_what_the_server_has(api: API, experiment: Experiment) -> None:
    assert experiment.title == "Cooldown"
    assert experiment.description == "first try"
    assert experiment.tags == []
    assert experiment.files == []
    assert abs(experiment.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    before = experiment.updated_at
    other = api.get_experiment_by_eid(experiment.eid)
    assert other == api.get_experiment_by_uuid(experiment.uuid) == experiment
    other.title = "Warm-up"
    other.description = "µ"
    assert (experiment.title, experiment.description) == ("Warm-up", "µ")
    assert experiment.updated_at > before


def test_what_cannot_be_written_is_refused(experiment: Experiment) -> None:
    with pytest.raises(WrongArgument):
        experiment.title = 7  # type: ignore[assignment]  # the point of the test
    with pytest.raises(AttributeError):
        experiment.tags = []  # type: ignore[misc]  # the point of the test


def test_tags_come_and_go(experiment: Experiment) -> None:
    experiment.add_tags(["a", "b"])
    experiment.remove_tag("A")
    assert experiment.tags == ["b"]


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_file_goes_up_and_comes_down(experiment: Experiment, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "µ 1#.dat", tmp_path / "down"
    data = os.urandom(size)
    source.write_bytes(data)
    target.mkdir()
    (target / source.name).write_text("older")
    experiment.upload_file(str(source))
    [(name, modified)] = experiment.files
    assert name == source.name
    assert abs(modified - datetime.now(UTC)) < timedelta(minutes=1)
    experiment.download_file(name, str(target))
    assert (target / name).read_bytes() == data
    assert [path.name for path in target.iterdir()] == [name]
    experiment.remove_files([name])
    assert experiment.files == []


def test_a_local_file_that_cannot_be_sent_is_told(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(FileVanished, match="missing"):
        experiment.upload_file(str(tmp_path / "missing"))
    with pytest.raises(FileUnreadable, match="not a regular file"):
        experiment.upload_file(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileUnreadable, match="not a regular file"):
        experiment.upload_file(tmp_path / "fifo")
    (tmp_path / "漢").touch()
    with pytest.raises(NameNotSendable):
        experiment.upload_file(tmp_path / "漢")
    assert experiment.files == []


def test_a_download_that_fails_leaves_nothing(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(RemoteFileNotFound):
        experiment.download_file("missing", str(tmp_path))
    for name in ("../x", "", "..", "a/b"):
        with pytest.raises(NameNotSendable):
            experiment.download_file(name, str(tmp_path))
    source = tmp_path / "a"
    source.write_text("a")
    experiment.upload_file(source)
    with pytest.raises(LocalError, match="nowhere"):
        experiment.download_file("a", str(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == [source]


def test_a_download_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    answer = (
        '{"data": {"e0": {"uuid": "00000000-0000-4000-8000-000000000001", "eid": "1", "tags": [],'
        ' "title": "t", "description": null, "createdAt": "2026-11-23T10:11:45+00:00",'
        ' "updatedAt": "2026-11-23T10:11:45+00:00"}}}'
    )

    def handler(peer: Peer) -> None:
        head, _ = peer.request()
        if head.startswith(b"POST"):
            peer.answer("200 OK", answer.encode())
            peer.request()
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")

    (tmp_path / "a").write_text("old")
    with RawServer(handler) as raw, API(raw.url, 5) as api:
        found = api.get_experiment_by_eid("1")
        assert found.created_at == datetime(2026, 11, 23, 10, 11, 45, tzinfo=UTC)
        with pytest.raises(ServerUnreachable, match="broke off"):
            found.download_file("a", str(tmp_path))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_experiments_are_found_and_removed(api: API) -> None:
    made = api.create_experiment("find me, please", "")
    made.add_tags(["findable"])
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert made in api.find_experiments("FIND ME", tags=["Findable"])
    assert made in api.find_experiments(limit=500, start_datetime=now - hour)
    assert made not in api.find_experiments(limit=500, end_datetime=now - hour)
    assert api.find_experiments(made.eid, 1, 0) == [made]
    assert api.find_experiments(made.eid, 1, 1) == []
    with pytest.raises(WrongArgument):
        api.find_experiments(limit=0)
    api.remove_experiment_by_eid(made.eid)
    assert api.find_experiments(made.eid) == []
    for missing in (
        lambda: api.get_experiment_by_eid(made.eid),
        lambda: api.get_experiment_by_uuid(made.uuid),
        lambda: api.remove_experiment_by_eid(made.eid),
        lambda: made.title,
        lambda: made.files,
    ):
        with pytest.raises(ExperimentNotFound):
            missing()


def test_a_search_finds_what_was_typed_and_nothing_else(api: API) -> None:
    """On the wire, ``_`` and ``%`` stand for anything."""
    mark = uuid4().hex
    wanted, other = (api.create_experiment(f"{mark} {part}", "") for part in (r"a_b\5%", r"a-b\50"))
    assert api.find_experiments(f"{mark} A_B") == [wanted]
    assert api.find_experiments(f"{mark} a_b\\5%") == [wanted]
    assert list(api.iterate_experiments(f"{mark} a_b\\5%")) == [wanted]
    assert api.find_experiments(f"{mark}%") == []
    assert api.find_experiments(mark) == [other, wanted]


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        (None, {}, None),
        (None, {"API_TOKEN": "old\n"}, b"old"),
        (None, {"API_TOKEN": "old", "AQSYNC_API_TOKEN": "own"}, b"own"),
        (None, {"API_TOKEN": "old", "AQSYNC_API_TOKEN": ""}, b"old"),
        ("given", {"API_TOKEN": "old", "AQSYNC_API_TOKEN": "own"}, b"given"),
    ],
)
def test_the_token_is_given_or_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    environment: dict[str, str],
    sent: bytes | None,
) -> None:
    heads: list[bytes] = []

    def handler(peer: Peer) -> None:
        heads.append(peer.request()[0])
        peer.answer(
            "200 OK",
            b'{"data": {"experiments": {"experimentsData": [], "totalExperimentsCount": 0}}}',
        )

    for name in ("API_TOKEN", "AQSYNC_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with RawServer(handler) as raw, API(raw.url, 5, token=given) as api:
        assert api.find_experiments() == []
        assert repr(api) == f"API({raw.url!r})"
    lines = [line for line in heads[0].split(b"\r\n") if line.lower().startswith(b"authorization")]
    assert lines == ([b"Authorization: Bearer " + sent] if sent else [])


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_cannot_be_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigError, match="timeout of"):
        API("http://127.0.0.1:1", timeout)


def test_it_tells_where_it_goes_and_how_long_it_waits() -> None:
    with API("http://127.0.0.1:1/prefix/") as api:
        assert (api.url, api.timeout) == ("http://127.0.0.1:1/prefix", 0.5)


def test_a_time_without_an_offset_is_local(api: API) -> None:
    made = api.create_experiment("local time", "")
    now = datetime.now()  # noqa: DTZ005 - the point of the test
    minute = timedelta(minutes=1)
    assert made in api.find_experiments(start_datetime=now - minute, end_datetime=now + minute)
    api.remove_experiment_by_eid(made.eid)


def imports(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stdout.split())


def test_importing_costs_no_more_than_it_must() -> None:
    assert not {"httpx", "pydantic"} & imports("import aqsync")
    loaded = imports("import aqsync.aqueduct.client")
    assert "httpx" in loaded
    assert not {"pydantic", "rich", "click"} & loaded
    assert "httpx._main" not in imports("from aqsync import API")
    both = imports("from aqsync import API; import httpx._main")
    assert "httpx._main" in both


def test_the_package_has_only_what_it_names() -> None:
    for name in aqsync.__all__:
        assert getattr(aqsync, name)
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = aqsync.nothing_like_this
