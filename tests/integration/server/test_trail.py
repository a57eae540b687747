"""The access log and the audit log: who, from where, what, on which experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aqsync.server import trail as trail_module
from aqsync.server.trail import Trail
from tests.support.embedded import EmbeddedServer
from tests.support.visit import FILE_START, MULTIPART, Visit, connected, form, upload_head

TOKEN = "token-of-the-trail-tests"
OWN = {"Sec-Fetch-Site": "same-origin"}


def lines(data: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "logs" / name).read_text().splitlines()]


def told(line: dict[str, Any]) -> dict[str, Any]:
    """A line without what every line has."""
    assert line.pop("time").endswith("+00:00")
    assert line.pop("client") == "127.0.0.1"
    return line


def test_changes_logins_and_refusals_are_told(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", token=TOKEN) as server:
        with Visit(server.url, TOKEN) as program, Visit(server.url) as person:
            made = program.create()
            uuid, eid = made["uuid"], made["eid"]
            program.put(uuid, "a.txt", b"a")
            program.delete(uuid, ["a.txt"])
            program.delete(uuid, ["a.txt"])
            made_up = {"Authorization": "Bearer wrong-wrong", "X-Forwarded-For": "10.0.0.1"}
            person.http.get("/api/files/x/y", headers=made_up)
            person.http.post("/login", data={"token": "wrong"}, headers=OWN)
            person.http.post("/login", data={"token": TOKEN}, headers=OWN)
            headers = {**OWN, "Content-Type": MULTIPART}
            person.http.post(f"/experiments/{eid}", content=form(b"x"), headers=headers)
            person.http.post("/logout", headers=OWN)
            program.remove(uuid)
            program.graphql(
                "mutation($uuid: UUID!) {removeExperiment(experimentRemoveInput: {uuid: $uuid})}",
                uuid=uuid,
            )
        server.stop()
        found = [told(line) for line in lines(server.data, "audit.jsonl")]
        by_token: dict[str, Any] = {"by": "token", "status": 200, "experiment": uuid}
        session = found[6]["by"]
        assert session.startswith("session ")
        assert found == [
            {**by_token, "what": "create experiment", "eid": eid},
            {**by_token, "what": "upload", "files": ["a.txt"]},
            {**by_token, "what": "delete files", "files": ["a.txt"]},
            {**by_token, "what": "delete files", "files": ["a.txt"], "status": 409},
            {
                "by": "nobody",
                "status": 401,
                "what": "refused",
                "method": "GET",
                "path": "/api/files/x/y",
            },
            {"by": "nobody", "status": 401, "what": "login", "refused": "wrong token"},
            {"by": session, "status": 303, "what": "login"},
            {"by": session, "status": 303, "what": "upload", "experiment": uuid, "files": ["f"]},
            {"by": session, "status": 303, "what": "logout"},
            {**by_token, "what": "remove experiment"},
            {
                **by_token,
                "what": "remove experiment",
                "refused": "Non-existing experiment with the specified UUID for the user.",
            },
        ]
        both = [path.read_text() for path in (server.data / "logs").iterdir()]
        assert all(TOKEN not in text for text in both)
        assert (server.data / "logs").stat().st_mode & 0o077 == 0
        server.start()


def test_every_request_is_told(server: EmbeddedServer, own: Visit) -> None:
    uuid = own.create()["uuid"]
    own.put(uuid, "a b.txt", b"content")
    own.get(uuid, "a b.txt")
    own.http.get("/", headers={"Host": "evil.example"})
    own.http.get("/nothing?secret=1")
    with connected(server.url) as peer:
        peer.sendall(upload_head(uuid, "half", 1_000_000) + FILE_START)
    own.names(uuid)
    server.stop()
    found = [told(line) for line in lines(server.data, "access.jsonl")]
    assert all(line.pop("ms") >= 0 for line in found)
    asked = {(each["method"], each["path"], each["status"], each["by"]) for each in found}
    assert asked == {
        ("POST", "/api/graphql", 200, "anybody"),
        ("POST", f"/api/files/{uuid}", 200, "anybody"),
        ("GET", f"/api/files/{uuid}/a b.txt", 200, "anybody"),
        ("GET", "/", 403, "nobody"),
        ("GET", "/nothing", 404, "anybody"),
        # It left before it was answered.
        ("POST", f"/api/files/{uuid}", None, "anybody"),
    }
    [download] = [each for each in found if each["path"].endswith("a b.txt")]
    assert download["bytes"] == len(b"content")
    server.start()


def test_logs_are_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_module, "_FILE_BYTES", 1000)
    for number in range(30):
        trail = Trail(tmp_path / "logs")
        trail.access({"number": number, "text": "x\n" * 200})
        trail.close()
    kept = sorted(path.name for path in (tmp_path / "logs").glob("access*"))
    assert kept == ["access.jsonl", *(f"access.jsonl.{n}" for n in range(1, 5))]
    newest = lines(tmp_path, "access.jsonl")
    assert newest[-1]["number"] == 29


def test_a_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "audit.jsonl").symlink_to("/dev/full")
    trail = Trail(tmp_path / "logs")
    for _ in range(3):
        trail.audit({"what": "upload"})
        trail._audit.write()
    trail.access({"what": "all is well"})
    trail.close()
    assert caplog.text.count("cannot be written: ") == 1
    assert len(lines(tmp_path, "access.jsonl")) == 1
