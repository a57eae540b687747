"""Starting, refusing to start, stopping; the token."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from aqsync.server.errors import ServerStartError
from aqsync.server.run import serve
from aqsync.server.settings import ServerSettings, StorageSettings
from aqsync.server.storage import Storage
from tests.support.embedded import EmbeddedServer
from tests.support.length import long_but
from tests.support.visit import FILE_START, Visit, head, read_all, upload_head

TOKEN = "a token that is secret"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aqsync.server", "--port", "0", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refusal(data: Path, host: str = "127.0.0.1", port: int = 0) -> ServerStartError:
    with pytest.raises(ServerStartError) as caught:
        serve(ServerSettings(StorageSettings(data)), host=host, port=port)
    assert caught.value.message
    assert not caught.value.message.endswith(".")
    assert caught.value.hint
    return caught.value


def test_a_second_server_on_the_same_data_refuses(server: EmbeddedServer) -> None:
    assert "another server uses the data directory" in refusal(server.data).message
    second = run("--data", server.data)
    assert second.returncode == 2
    assert second.stdout == ""
    assert second.stderr.startswith(f"error: another server uses the data directory {server.data}")
    assert "Traceback" not in second.stderr


def test_a_killed_server_leaves_no_lock(server: EmbeddedServer) -> None:
    server.kill()
    server.restart()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1, port {port}" in refusal(tmp_path / "data", port=port).message
    Storage(StorageSettings(tmp_path / "data")).close()


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65536), ("not a host", 0), ("192.0.2.1", 0)]
)
def test_an_address_that_is_none(tmp_path: Path, host: str, port: int) -> None:
    assert host in refusal(tmp_path / "data", host, port).message


def test_data_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refusal(tmp_path / "file").message
    assert "cannot be used" in refusal(tmp_path / "file" / "below").message


def test_a_catalog_that_is_broken(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database" * 1000)
    assert "catalog.db" in refusal(tmp_path).message
    # What could not be opened is let go of.
    (tmp_path / "catalog.db").unlink()
    Storage(StorageSettings(tmp_path)).close()


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("application_id = 7", "is a database of another program"),
        ("user_version = 99", "was made by a newer release"),
    ],
)
def test_a_catalog_of_others(tmp_path: Path, pragma: str, message: str) -> None:
    Storage(StorageSettings(tmp_path)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "catalog.db")) as database:
        database.execute(f"PRAGMA {pragma}")
    assert message in refusal(tmp_path).message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    server = EmbeddedServer(tmp_path / "data")
    server.start()
    with Visit(server.url) as visit:
        visit.create()
        assert server.stop(number) == 0
    assert server.log == ""


class HastyServer(EmbeddedServer):
    """Waits only a moment for running requests when it is to stop."""

    def command(self) -> list[str]:
        hasty = (
            "import sys, aqsync.server.__main__, aqsync.server.run as run\n"
            "run._STOP_SECONDS = 0.1\n"
            "sys.exit(aqsync.server.__main__.main())"
        )
        return [sys.executable, "-c", hasty, *super().command()[3:]]


def test_a_stop_cuts_short_what_does_not_end(tmp_path: Path) -> None:
    server = HastyServer(tmp_path / "data")
    server.start()
    with Visit(server.url) as visit, contextlib.ExitStack() as stack:
        uuid = visit.create()["uuid"]
        visit.put(uuid, "large", bytes(30_000_000))
        uploading, downloading, idle = (stack.enter_context(visit.connection()) for _ in range(3))
        uploading.sendall(upload_head(uuid, "f", 50_000_000) + FILE_START + bytes(2_000_000))
        downloading.sendall(head("GET", f"/api/files/{uuid}/large"))
        assert downloading.recv(1)
        idle.sendall(b"POST")
        while not any((server.data / "incoming").iterdir()):
            pass
        assert server.stop() == 0
        answer = read_all(uploading)
        assert b" 503 " in answer
        assert answer.endswith(b'{"detail": "The server is stopping."}')
        assert len(read_all(downloading)) < 30_000_000
    assert not any((server.data / "incoming").iterdir())
    assert "Traceback" not in server.log


@pytest.mark.parametrize("content", long_but(1, ["\n", "", "µ"]))
def test_a_token_file_without_a_token(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    result = run("--data", tmp_path / "data", "--token-file", tmp_path / "token")
    assert result.returncode == 2
    assert f"error: the token file {tmp_path / 'token'} " in result.stderr
    assert not (tmp_path / "data").exists()


def test_the_network_is_let_in_on_purpose_only(tmp_path: Path) -> None:
    assert "--insecure" in refusal(tmp_path / "data", host="0.0.0.0").hint
    assert not (tmp_path / "data").exists()


def test_an_empty_token_is_none(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="the token is empty"):
        serve(ServerSettings(StorageSettings(tmp_path / "data"), ""), host="127.0.0.1", port=0)


def test_the_token_opens_and_nothing_else_does(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path / "data", token=TOKEN) as server,
        Visit(server.url, TOKEN) as known,
    ):
        uuid = known.create()["uuid"]
        known.put(uuid, "f", b"content")
        assert known.get(uuid, "f") == b"content"
        assert known.http.get("/elsewhere").status_code == 404

        wrong = [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
        wrong += [f"Bearer {TOKEN[:-1]}", "Bearer \xff\xfe", f"Bearer {TOKEN.upper()}"]
        requests = [
            ("POST", "/api/graphql"),
            ("GET", f"/api/files/{uuid}/f"),
            ("POST", f"/api/files/{uuid}"),
            ("POST", f"/api/files/{uuid}/delete_files"),
            ("GET", "/elsewhere"),
        ]
        for authorization in wrong:
            for method, path in requests:
                given = {} if authorization is None else {"Authorization": authorization}
                status, answer = known.raw(head(method, path, given))
                assert status == 401
                assert answer.endswith(b'{"detail": "Could not validate credentials"}')
        assert known.names(uuid) == ["f"]

        command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert TOKEN.encode() not in command + environment
    assert server.log == ""
    kept = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept


def test_a_large_upload_without_the_token_gets_its_answer(tmp_path: Path) -> None:
    with (
        EmbeddedServer(tmp_path / "data", token=TOKEN) as server,
        Visit(server.url) as stranger,
    ):
        response = stranger.upload("0" * 32, "f", bytes(50_000_000))
        assert response.status_code == 401
