"""Orders for tasks: what is refused, what a script is given, and how tasks are found."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.extensions import Tasks, parameter, serving, write_extension
from tests.support.visit import Visit


@pytest.fixture
def extensions(tmp_path: Path) -> Path:
    return tmp_path / "extensions"


def test_what_a_script_finds_in_its_environment(
    tmp_path: Path, extensions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQSYNC_API_TOKEN", "a secret of the server")
    monkeypatch.setenv("LC_TIME", "C.UTF-8")
    write_extension(
        extensions / "e",
        {"env": 'pwd; $python -c "import os; print(dict(os.environ))"'},
        parameters=[parameter("x", "str"), parameter("API_TOKEN", "str")],
        constants={"x": "weaker than a parameter", "c": "constant", "api_token": "not this one"},
    )
    with serving(tmp_path, extensions, token="a token for this test") as server:  # noqa: SIM117 - it reads so
        with Visit(server.url, "a token for this test") as visit:
            ended = Tasks(visit, "e").ran("env", x="µ \"$HOME\" 'x'", API_TOKEN="its own")
    assert ended["taskStatus"] == "SUCCESS", ended["stdErr"]
    folder, shown = ended["stdOut"].splitlines()
    assert folder == str(extensions / "e")
    variables: dict[str, str] = ast.literal_eval(shown)
    assert variables["x"] == "µ \"$HOME\" 'x'"
    assert variables["c"] == "constant"
    assert variables["aqueduct_url"] == f"{server.url}/"
    assert variables["api_token"].startswith("aqs_")
    assert variables["API_TOKEN"] == "its own"
    assert variables["AQSYNC_TASK"] == ended["uuid"]
    assert variables["LC_TIME"] == "C.UTF-8"
    inherited = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"}
    inherited |= {"SSL_CERT_FILE", "SSL_CERT_DIR"}
    rest = {name for name in variables if not name.startswith("LC_")} - inherited
    assert rest == {
        *("experiment", "x", "c", "aqueduct_url", "api_token", "API_TOKEN", "python", "PWD"),
        "AQSYNC_TASK",
    }


def test_a_manifest_may_name_another_server(tmp_path: Path, extensions: Path) -> None:
    write_extension(
        extensions / "e", {"say": 'echo "$aqueduct_url"'}, aqueduct_url="https://elsewhere/"
    )
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        assert Tasks(visit, "e").ran("say")["stdOut"] == "https://elsewhere/\n"


def test_orders_that_are_refused(tmp_path: Path, extensions: Path) -> None:
    write_extension(
        extensions / "e", {"a": ":"}, parameters=[parameter("t", "str"), parameter("f", "file")]
    )
    actions = [{"name": "alone", "script": ":", "parameters": [parameter("t", "str")]}]
    write_extension(extensions / "lonely", {}, actions=actions)
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        tasks = Tasks(visit, "e")
        uuid = tasks.experiment["uuid"]
        visit.put(uuid, "data.csv", b"")
        assert tasks.refused("a", t="a\0b", f="data.csv") == "The value of t has a NUL character."
        assert "is longer than" in tasks.refused("a", t="x" * 200_000, f="data.csv")
        for name in ("../catalog.db", "a\0b", ".."):
            assert "file name" in tasks.refused("a", t="", f=name) or "\0" in name
        assert "exactly 1 action" in tasks.refused("../a", t="", f="data.csv")
        tasks.extension = "../e"
        assert "exactly 1 extension" in tasks.refused("a", t="", f="data.csv")
        tasks.extension = "lonely"
        refused = visit.graphql(
            "mutation($uuid: UUID!) {executeExtension(executeExtensionInput: {experimentUuid:"
            ' $uuid, extension: "lonely", action: "alone", params: [["t", ""]]}) {uuid}}',
            uuid=uuid,
        )
        told = refused["errors"][0]["message"]
        assert told == "Action lonely:alone has no experiment parameters"
        assert visit.ask("{tasks(offset: 0, limit: 1) {totalTasksCount}}")["totalTasksCount"] == 0


def test_a_script_that_is_too_long_for_the_system(tmp_path: Path, extensions: Path) -> None:
    parameters = [parameter(f"p{number}", "textarea") for number in range(30)]
    write_extension(extensions / "e", {"a": ":"}, parameters=parameters)
    with serving(tmp_path, extensions) as server, Visit(server.url) as visit:
        values = {f"p{number}": "x" * 120_000 for number in range(30)}
        failed = Tasks(visit, "e").ran("a", **values)
        assert failed["taskStatus"] == "FAILURE"
        assert "Argument list too long" in failed["stdErr"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--extensions", "missing"], "the directory of extensions missing does not exist"),
        (["--max-tasks", "0"], "no task could ever run"),
    ],
)
def test_what_cannot_be_served(tmp_path: Path, options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "aqsync.server", "--data", "data", "--port", "0", *options]
    done = warm.run(command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}\n")
    assert not (tmp_path / "data").exists()
