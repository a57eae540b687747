"""What a running server has comes whole, once, and as it was there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from aqsync.aqueduct.client import Client
from aqsync.moving import server_import
from tests.support import warm
from tests.support.embedded import EmbeddedServer
from tests.support.intercepting_proxy import Exchange, InterceptingProxy, answering
from tests.support.patience import HANG_S, wait_until
from tests.support.project import COMMAND, run

GET = b"GET /api/files/"


def state(url: str) -> dict[str, Any]:
    """All that a server tells of each experiment, and SHA-256 of each file."""
    found: dict[str, Any] = {}
    with Client(url) as client:
        refs = [each.uuid for each in client.whole.refs()]
        for uuid, whole in client.whole.described(refs):
            assert whole is not None
            digests = {}
            for name, modified_at in whole.files:
                with client.download(uuid, name) as coming:
                    content = b"".join(coming.chunks())
                digests[name] = modified_at, hashlib.sha256(content).hexdigest()
            found[whole.experiment.eid] = (whole.experiment, whole.created_by, digests)
    return found


def imported(data: Path, url: str, *options: str) -> dict[str, Any]:
    ran = run("serve", "import", "--data", data, url, "--json", *options)
    assert ran.exit_code == 0, ran.text
    return ran.json


def downloads(proxy: InterceptingProxy) -> list[str]:
    """Note the name of each file that is asked for from now on."""
    names: list[str] = []

    def note(exchange: Exchange) -> bool:
        names.append(exchange.head.split(b" ")[1].rpartition(b"/")[2].decode())
        return exchange.pass_on()

    proxy.on(GET, note)
    return names


def test_everything_comes_as_it_was(source: EmbeddedServer, data: Path) -> None:
    told = imported(data, source.url)
    assert (told["experiments_new"], told["files"], told["difference_count"]) == (3, 4, 0)
    with EmbeddedServer(data) as server:
        assert state(server.url) == state(source.url)
        with Client(server.url) as client, Client(source.url) as other:
            numbers = [each.eid.rpartition("-")[2] for each in other.whole.refs()]
            eid = client.create_experiment("", "").eid
            assert int(eid.rpartition("-")[2]) == max(map(int, numbers)) + 1


def test_what_is_here_is_not_fetched_again(proxy: InterceptingProxy, data: Path) -> None:
    names = downloads(proxy)
    imported(data, proxy.url)
    assert len(names) == 4
    told = imported(data, proxy.url)
    assert len(names) == 4
    assert (told["experiments_there"], told["files_there"], told["files"]) == (3, 4, 0)


def test_a_broken_connection_is_made_good(proxy: InterceptingProxy, data: Path) -> None:
    def in_the_middle(exchange: Exchange) -> bool:
        answer = exchange.forward()
        assert answer is not None
        status, body, headers = answer
        head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"))
        exchange.peer.sock.sendall(f"{head}\r\n\r\n".encode("latin-1") + body[: len(body) // 2])
        exchange.peer.reset()
        return False

    proxy.on(GET, in_the_middle, times=3)
    proxy.on(b"POST /api/graphql", answering("503 Service Unavailable"), times=2)
    assert imported(data, proxy.url)["files"] == 4


@pytest.mark.long
def test_a_kill_costs_nothing_that_was_there(proxy: InterceptingProxy, data: Path) -> None:
    """Three files come, and the fourth does not; the next import fetches that alone."""
    held: list[Exchange] = []

    def hold(exchange: Exchange) -> bool:
        if b"/large.bin " not in exchange.head:
            return exchange.pass_on()
        held.append(exchange)
        proxy.stopping.wait(HANG_S)
        return False

    proxy.on(GET, hold)
    process = warm.Popen([*COMMAND, "serve", "import", "--data", str(data), proxy.url])
    wait_until(lambda: held and len(stored(data)) == 3, "three files")
    process.kill()
    process.wait(HANG_S)
    proxy.hands_off()
    names = downloads(proxy)
    told = imported(data, proxy.url)
    assert names == ["large.bin"]
    assert (told["files"], told["files_there"], told["difference_count"]) == (1, 3, 0)


def stored(data: Path) -> list[Path]:
    return [path for path in data.glob("experiments/*/*") if path.is_file()]


def test_what_changes_meanwhile_comes_too(
    source: EmbeddedServer, proxy: InterceptingProxy, data: Path
) -> None:
    with Client(source.url) as client:
        uuid = client.create_experiment("changes", "").uuid
        client.upload(uuid, "f", [b"one"], 3)

        def change(exchange: Exchange) -> bool:
            passed = exchange.pass_on()
            client.upload(uuid, "f", [b"two"], 3)
            client.upload(uuid, "g", [b"new"], 3)
            client.update_experiment(uuid, title="changed")
            return passed

        proxy.on(GET + str(uuid).encode(), change, times=1)
        try:
            imported(data, proxy.url)
            with EmbeddedServer(data) as server:
                assert state(server.url) == state(source.url)
        finally:
            client.remove_experiment(uuid)


def test_a_source_that_never_rests_is_named(proxy: InterceptingProxy, data: Path) -> None:
    with Client(proxy.url) as client:
        uuid = client.create_experiment("restless", "").uuid
        client.upload(uuid, "f", [b"one"], 3)

        def change(exchange: Exchange) -> bool:
            passed = exchange.pass_on()
            client.upload(uuid, "f", [b"two"], 3)
            return passed

        proxy.on(GET + str(uuid).encode(), change)
        try:
            ran = run("serve", "import", "--data", data, proxy.url)
        finally:
            client.remove_experiment(uuid)
    assert ran.exit_code == 1
    assert "the source keeps changing" in ran.err


def test_a_clash_is_named_before_anything_is_written(
    source: EmbeddedServer, proxy: InterceptingProxy, data: Path
) -> None:
    with EmbeddedServer(data) as server, Client(server.url) as client:
        eid = client.create_experiment("mine", "").eid
    names = downloads(proxy)
    ran = run("serve", "import", "--data", data, proxy.url)
    assert ran.exit_code == 1
    assert "another one here has the EID" in ran.err
    assert f"{eid} (" in ran.err
    assert names == []
    with EmbeddedServer(data) as server:
        assert list(state(server.url)) == [eid]
    assert source.url


def test_a_rehearsal_fetches_and_writes_nothing(proxy: InterceptingProxy, data: Path) -> None:
    names = downloads(proxy)
    told = imported(data, proxy.url, "--dry-run")
    assert (told["experiments"], told["files"], told["refused"]) == (3, 4, [])
    assert names == []
    assert not data.exists()


def test_a_directory_in_use_is_refused(source: EmbeddedServer, data: Path) -> None:
    with EmbeddedServer(data):
        ran = run("serve", "import", "--data", data, source.url)
    assert ran.exit_code == 2
    assert "another server uses the data directory" in ran.err


def test_a_server_that_is_away_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_import, "_PATIENCE_S", 0.0)
    ran = run("serve", "import", "--data", data, "http://127.0.0.1:9")
    assert ran.exit_code == 3
    assert "http://127.0.0.1:9" in ran.err
    assert "Traceback" not in ran.err


def test_a_source_is_named(data: Path) -> None:
    ran = run("serve", "import", "--data", data, data / "missing.tar.gz")
    assert ran.exit_code == 1
    assert "missing.tar.gz cannot be read" in ran.err
    assert run("serve", "import", data).exit_code == 2
