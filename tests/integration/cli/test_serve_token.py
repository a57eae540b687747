"""``aqsync serve token``, beside a server that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aqsync.cli.commands import serve_token
from aqsync.server.rights.who import Scope
from tests.support.embedded import EmbeddedServer
from tests.support.project import Ran, run
from tests.support.visit import Visit

ME = {"query": "{getCurrentUserInfo {username}}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("tokens")
    with EmbeddedServer(folder / "data", token="the token of the file") as server:
        yield server


def token(server: EmbeddedServer, *words: str) -> Ran:
    return run("serve", "token", *words, "--data", str(server.data))


def status(server: EmbeddedServer, secret: str) -> int:
    with Visit(server.url, secret) as visit:
        return visit.http.post("/api/graphql", json=ME).status_code


def test_the_scopes_are_those_of_the_server() -> None:
    assert list(serve_token._SCOPES) == [scope.word for scope in Scope]


def test_tokens_are_made_listed_and_revoked_while_the_server_runs(server: EmbeddedServer) -> None:
    made = token(server, "create", "sem-1", "--owner", "sem", "--scope", "upload", "--ends", "90d")
    secret = made.out.strip()
    assert secret.startswith("aqs_")
    assert "cannot be shown again" in made.err
    assert status(server, secret) == 200
    # The next one is there before the last one goes: nothing stands still.
    newer = json.loads(
        token(server, "create", "sem-2", "--owner", "sem", "--scope", "upload", "--json").out
    )
    assert status(server, newer["secret"]) == 200
    listed = token(server, "list").out
    assert secret not in listed
    [first] = [line.split() for line in listed.splitlines() if line.startswith("sem-1")]
    assert first[:4] == ["sem-1", "sem", "upload", "nothing"]
    assert first[-1] != "never", "it was used today"
    assert token(server, "revoke", "sem-1").out == "revoked sem-1 of sem\n"
    assert "sem-1" not in token(server, "list").out
    assert "revoked" in token(server, "list", "--all").out
    facts = json.loads(token(server, "list", "--all", "--json").out)
    own = [each for each in facts if each["owner"] == "sem"]
    assert [each["revoked_at"] is None for each in own] == [False, True]
    # A name is free again once its token is revoked; a UUID names one for ever.
    assert token(server, "create", "sem-1", "--owner", "sem", "--scope", "read").exit_code == 0
    assert token(server, "revoke", newer["uuid"]).out == "revoked sem-2 of sem\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a b", "--owner", "x", "--scope", "read"], "cannot be the name"),
        (["n", "--owner", "\u0430da", "--scope", "read"], "cannot be the owner"),
        (["n", "--owner", "", "--scope", "read"], "cannot be the owner"),
        (["n", "--owner", "Admin", "--scope", "write"], "another owner, or the scope"),
        (
            ["n", "--owner", "x", "--scope", "read", "--experiment", "2000-1"],
            "there is no experiment 2000-1",
        ),
        (["n", "--owner", "x", "--scope", "read", "--prefix", ""], "empty prefix"),
        (["n", "--owner", "x", "--scope", "read", "--ends", "2001-01-01"], "have ended already"),
        (["n", "--owner", "x", "--scope", "read", "--ends", "soon"], "is no end"),
        (["n", "--owner", "x", "--scope", "all"], "all"),
    ],
)
def test_what_no_token_can_be(server: EmbeddedServer, words: list[str], why: str) -> None:
    refused = token(server, "create", *words)
    assert refused.exit_code == 2
    assert why in refused.err
    assert refused.out == ""


def test_two_owners_do_not_differ_in_case_only(server: EmbeddedServer) -> None:
    assert token(server, "create", "n1", "--owner", "Ada", "--scope", "read").exit_code == 0
    assert "'Ada'" in token(server, "create", "n2", "--owner", "ada", "--scope", "read").err
    assert "already" in token(server, "create", "n1", "--owner", "Ada", "--scope", "read").err


def test_files_of_nobody_are_handed_over(server: EmbeddedServer) -> None:
    with Visit(server.url, server.token) as admin:
        made = admin.create()
        admin.put(made["uuid"], "a", b"a")
    words = ["hand-over", made["eid"], "--to"]
    assert "no token has the owner" in token(server, *words, "nobody").err
    assert token(server, "create", "h", "--owner", "heir", "--scope", "upload").exit_code == 0
    assert token(server, *words, "heir").out == f"{made['eid']}: 1 file of heir now\n"
    assert "0 files" in token(server, *words, "heir", "--prefix", "b").out
    assert token(server, "hand-over", "20000101-1", "--to", "heir").exit_code == 2


def test_the_first_token_can_come_before_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    words = ["create", "a", "--owner", "a", "--scope", "admin", "--data", str(data)]
    assert run("serve", "token", *words).exit_code == 0
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "catalog.db").stat().st_mode & 0o777 == 0o600
    assert "--data" in run("serve", "token", "list").err


@pytest.mark.parametrize(
    "words", [["token", "list"], ["token", "revoke", "sem-1"], ["export", "all.eln"]]
)
def test_a_directory_that_was_mistyped_does_not_become_a_server(
    tmp_path: Path, words: list[str]
) -> None:
    data = tmp_path / "dta"
    refused = run("serve", *words, "--data", str(data))
    assert refused.exit_code == 2
    assert f"{data} holds nothing of a server" in refused.err
    assert not data.exists()


def test_a_first_token_says_where_it_belongs(tmp_path: Path) -> None:
    words = ["serve", "token", "create", "--scope", "read", "--data", str(tmp_path / "data")]
    assert f"{tmp_path}/data is new" in run(*words, "a", "--owner", "a").err
    assert "is new" not in run(*words, "b", "--owner", "a").err


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
def test_a_token_in_a_file_that_others_read_is_warned_of(
    tmp_path: Path, *, mode: int, warned: bool
) -> None:
    file = tmp_path / "token"
    file.touch(mode)
    file.chmod(mode)
    words = ["serve", "token", "create", "f", "--owner", "f", "--scope", "read"]
    with file.open("w") as out:
        ran = subprocess.run(
            [sys.executable, "-m", "aqsync", *words, "--data", str(tmp_path / "data")],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert ("other users" in ran.stderr) is warned
    assert "line above" not in ran.stderr
