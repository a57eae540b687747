"""A server that fails: the right exit code, one clear line, and everything there afterwards."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.embedded import EmbeddedServer
from tests.support.meddler import (
    ANYTHING,
    DOWNLOAD,
    GRAPHQL,
    UPLOAD,
    Deed,
    Exchange,
    Meddler,
    answering,
    breaking_off,
    losing_the_answer,
)
from tests.support.project import Project, run

HTML = b"<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"


def fill(project: Project, count: int = 5) -> dict[str, bytes]:
    contents = {f"{number}.csv": f"content {number}".encode() for number in range(count)}
    for name, content in contents.items():
        project.write(name, content)
    return contents


def heals(project: Project, meddler: Meddler, contents: dict[str, bytes]) -> None:
    """Once the trouble is over, the next push ends with everything there."""
    meddler.hands_off()
    project.pushed()
    assert project.remote() == contents
    assert project.pushed()["uploaded"] == 0


def silence(exchange: Exchange) -> bool:
    """A deed: read the request, and say nothing until aqsync hangs up."""
    exchange.read()
    exchange.peer.wait_until_gone()
    return False


def garbage(exchange: Exchange) -> bool:
    exchange.read()
    exchange.peer.sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\nInvalid identification string\r\n\r\n")
    return False


def test_a_server_that_is_down_is_told_soon(project: Project) -> None:
    fill(project)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    project.configure(server={"url": f"http://127.0.0.1:{port}"})
    began = time.monotonic()
    ran = project.process("push")
    assert time.monotonic() - began < 15
    assert ran.exit_code == 3
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert f"no connection to http://127.0.0.1:{port}: connection refused" in errors[0]
    assert "hint: check that the server runs" in ran.err
    assert "Traceback" not in ran.text
    status = project.run("status")
    assert "the server has not been usable" in status.out
    assert status.exit_code == 1

    project.configure()
    assert project.pushed()["uploaded"] == 5


TROUBLES: dict[str, tuple[Deed, str]] = {
    "500": (answering("500 Internal Server Error", b'{"detail": "boom"}'), "failed (500: boom)"),
    "502 html": (
        answering("502 Bad Gateway", b"<title>502 Bad Gateway</title>"),
        "failed (502: 502 Bad Gateway)",
    ),
    "429": (answering("429 Too Many Requests", b""), "failed (429"),
    "garbage": (garbage, "does not speak HTTP"),
    "html": (
        answering("200 OK", b"<title>Router login</title>"),
        "does not answer like an Aqueduct server (200: Router login)",
    ),
    "not json": (answering("200 OK", b"[]"), "does not answer like an Aqueduct server"),
    "404": (answering("404 Not Found", b'{"detail":"Not Found"}'), "does not answer like"),
    "redirect": (
        answering("301 Moved Permanently", b"", "location: https://lab.example/"),
        "answered 301 and points to https://lab.example/",
    ),
    "reset": (breaking_off, "broke off"),
    "silence": (silence, "was silent for 0.3 s"),
    "401": (answering("401 Unauthorized", b'{"detail": "no"}'), "did not accept the token"),
    "403": (answering("403 Forbidden", b'{"detail": "no"}'), "does not allow this"),
}
TROUBLE = pytest.mark.parametrize(("deed", "said"), TROUBLES.values(), ids=TROUBLES)


@pytest.fixture
def impatient(project: Project, meddler: Meddler) -> Meddler:
    project.configure(server={"url": meddler.url, "timeout": "300ms", "stall_timeout": "300ms"})
    return meddler


@pytest.mark.usefixtures("hurried")
@TROUBLE
def test_a_server_in_trouble(project: Project, impatient: Meddler, deed: Deed, said: str) -> None:
    contents = fill(project)
    impatient.on(ANYTHING, deed)
    ran = project.run("push")
    assert ran.exit_code == 3, ran.text
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert project.remote_names() == set()
    heals(project, impatient, contents)


@pytest.mark.usefixtures("hurried")
@TROUBLE
def test_a_server_that_fails_at_uploads_only(
    project: Project, impatient: Meddler, deed: Deed, said: str
) -> None:
    contents = fill(project)
    impatient.on(UPLOAD, deed)
    ran = project.push()
    assert ran.exit_code in {1, 3}, ran.text
    answer = ran.json
    told = [problem["reason"] for problem in answer["problems"]]
    told += [answer["server"]["reason"]] if answer["server"] else []
    assert any(said in reason for reason in told), told
    assert answer["uploaded"] == 0
    assert answer["waiting"] + answer["failed"] + answer["held"] == 5
    assert project.remote_names() == set()
    heals(project, impatient, contents)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("trouble", ["500", "429", "garbage", "reset", "silence"])
def test_a_trouble_that_passes_is_no_trouble(
    project: Project, impatient: Meddler, trouble: str
) -> None:
    contents = fill(project)
    impatient.on(ANYTHING, TROUBLES[trouble][0], times=1)
    assert project.pushed()["uploaded"] == 5
    assert project.remote() == contents

    impatient.on(UPLOAD, TROUBLES[trouble][0], times=1)
    project.write("later.csv", "later")
    assert project.pushed()["uploaded"] == 1
    assert project.read("later.csv") == b"later"


REFUSALS: dict[str, tuple[Deed, str, str]] = {
    "400": (
        answering("400 Bad Request", b'{"detail": "Invalid file name."}'),
        "the server refused it: Invalid file name",
        "",
    ),
    "413 json": (
        answering(
            "413 Request Entity Too Large",
            b'{"detail": "Maximum file size limit (3 bytes) exceeded."}',
        ),
        "Maximum file size limit (3 bytes) exceeded",
        "",
    ),
    "413 html": (
        answering("413 Request Entity Too Large", HTML, "content-type: text/html"),
        "a proxy in front of the server refused it as too large (413)",
        "client_max_body_size",
    ),
    "422": (
        answering("422 Unprocessable Entity", b'{"detail": [{"msg": "not so"}]}'),
        "the server refused it: not so",
        "",
    ),
}


@pytest.mark.parametrize(("deed", "said", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_a_file_that_the_server_refuses_is_held_alone(
    project: Project, meddler: Meddler, deed: Deed, said: str, hint: str
) -> None:
    contents = fill(project)

    def refuse(exchange: Exchange) -> bool | None:
        return deed(exchange) if exchange.file_name == "2.csv" else exchange.pass_on()

    meddler.on(UPLOAD, refuse)
    ran = project.push()
    assert ran.exit_code == 1
    assert (ran.json["uploaded"], ran.json["held"]) == (4, 1)
    [problem] = ran.json["problems"]
    assert problem["path"] == str(project.root / "2.csv")
    assert problem["state"] == "held"
    assert said in problem["reason"]
    assert hint in problem["hint"]

    meddler.uploads.clear()
    assert project.push().exit_code == 1
    assert meddler.uploads == [], "what was refused is not offered again by itself"

    meddler.hands_off()
    assert project.run("retry", project.root / "2.csv").exit_code == 0
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == contents


def test_a_refused_file_is_tried_again_when_it_changes(project: Project, meddler: Meddler) -> None:
    file = project.write("a.csv", "too large")
    meddler.on(UPLOAD, REFUSALS["413 json"][0], times=1)
    assert project.push().json["held"] == 1
    file.write_text("fits")
    assert project.pushed()["uploaded"] == 1
    assert project.read("a.csv") == b"fits"


def test_a_real_size_limit(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", max_file_bytes=2_000_000) as server:
        project = Project(tmp_path / "user", server.url)
        project.write("large.bin", b"x" * 9_000_000)
        project.write("small.csv", "small")
        ran = project.push()
        assert ran.exit_code == 1
        [problem] = ran.json["problems"]
        assert "limit" in problem["reason"]
        assert problem["state"] == "held"
        assert project.remote() == {"small.csv": b"small"}
        project.close()


def test_a_proxy_that_drops_the_header_is_named_once(project: Project, meddler: Meddler) -> None:
    contents = fill(project)
    dropped = answering("422 Unprocessable Entity", b'{"detail": "Filename header is missing."}')
    meddler.on(UPLOAD, dropped)
    ran = project.run("push")
    assert ran.exit_code == 3
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "a proxy on the way drops it" in errors[0]
    assert "underscores_in_headers on" in ran.err
    online = project.run("check", "--online")
    assert online.exit_code == 3
    assert "underscores_in_headers on" in online.err
    heals(project, meddler, contents)


@pytest.mark.usefixtures("hurried")
def test_an_upload_that_breaks_off_midway(project: Project, meddler: Meddler) -> None:
    content = bytes(range(256)) * 40_000
    project.write("large.bin", content)
    meddler.on(UPLOAD, breaking_off, times=1)
    assert project.pushed()["uploaded"] == 1
    assert project.remote() == {"large.bin": content}


def test_a_lost_answer_costs_no_second_upload(project: Project, meddler: Meddler) -> None:
    project.write("a.csv", "stored, but nobody heard of it")
    meddler.on(UPLOAD, losing_the_answer, times=1)
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)
    assert meddler.uploads == ["a.csv"]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("pushes", [1, 2])
def test_a_file_that_changes_after_a_lost_answer_is_no_conflict(
    project: Project, meddler: Meddler, pushes: int
) -> None:
    file = project.write("a.csv", "first")

    def lose_and_change(exchange: Exchange) -> bool:
        exchange.forward()
        file.write_text("second, and longer")
        if pushes == 2:
            meddler.on(ANYTHING, breaking_off)
        exchange.peer.reset()
        return False

    meddler.on(UPLOAD, lose_and_change, times=1)
    ran = project.push()
    if pushes == 2:
        assert ran.exit_code == 3
        meddler.hands_off()
        ran = project.push()
    assert ran.exit_code == 0, ran.text
    assert ran.json["uploaded"] == 1
    assert project.remote() == {"a.csv": b"second, and longer"}


@pytest.mark.usefixtures("hurried")
def test_a_comparison_that_fails_is_tried_again(project: Project, meddler: Meddler) -> None:
    project.write("a.csv", "same")
    project.put("a.csv", "same")
    meddler.on(DOWNLOAD, answering("500 Internal Server Error"), times=1)
    answer = project.pushed()
    assert (answer["uploaded"], answer["adopted"]) == (0, 1)


@pytest.mark.usefixtures("hurried")
def test_tags_are_applied_later_when_they_cannot_be_now(project: Project, meddler: Meddler) -> None:
    project.configure(
        server={"url": meddler.url}, tags=[{"match": "*.csv", "add": ["data"]}], name="main"
    )
    project.write("a.csv")

    def refuse_tags(exchange: Exchange) -> bool:
        exchange.read()
        if b"addTagsToExperiment" in exchange._body:
            exchange.answer("500 Internal Server Error")
            return True
        return exchange.pass_on()

    meddler.on(GRAPHQL, refuse_tags)
    ran = project.push()
    assert ran.exit_code == 3
    assert project.tags() == set()
    meddler.hands_off()
    assert project.pushed()["tags"] == 1
    assert project.tags() == {"data"}


# Experiments


def test_an_experiment_that_does_not_exist_is_one_line(project: Project) -> None:
    other_root = project.folder / "other"
    for number in range(30):
        project.write(f"{number}.csv", under=other_root)
    project.write("fine.csv", "fine")
    other = {"name": "other", "directory": str(other_root), "experiment": "19990101-77"}
    project.configure(other)
    ran = project.run("push")
    assert ran.exit_code == 1
    lines = [line for line in ran.text.splitlines() if "19990101-77" in line]
    assert len(lines) == 1
    assert "the server knows no experiment 19990101-77; files held: 30" in lines[0]
    assert "hint: create it on the server" in ran.out
    assert project.remote() == {"fine.csv": b"fine"}
    answer = project.push().json
    assert answer["held"] == 30
    assert len(answer["problems"]) == 1
    assert project.run("check", "--online").exit_code == 2
    assert "no experiment 19990101-77" in project.run("why", other_root / "3.csv").out


def test_an_experiment_removed_between_two_pushes(project: Project) -> None:
    fill(project, 3)
    project.pushed()
    project.server.remove_experiment(project.experiment.uuid)
    project.write("new.csv")
    ran = project.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert f"no experiment {project.eid}; files held: 4" in problem["reason"]

    project.experiment = project.server.create_experiment("again", "")
    project.eid = project.experiment.eid
    project.configure()
    assert project.pushed()["uploaded"] == 4
    assert len(project.remote_names()) == 4


def test_an_experiment_removed_during_a_push(project: Project, meddler: Meddler) -> None:
    fill(project, 20)

    def remove_it(exchange: Exchange) -> bool:
        project.server.remove_experiment(project.experiment.uuid)
        return exchange.pass_on()

    meddler.on(UPLOAD, remove_it, times=1)
    ran = project.push()
    assert ran.exit_code == 1
    [problem] = ran.json["problems"]
    assert "files held: 20" in problem["reason"]
    assert project.eid in problem["reason"]


# The token


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Project]:
    """A server that wants a token, and a user who has the file for it."""
    with EmbeddedServer(tmp_path / "data", token="right-token-4711") as server:
        project = Project(tmp_path / "user", server.url, token=server.token)
        project.write("a.csv", "a")
        yield project
        project.close()


def write_token(project: Project, token: str) -> Path:
    file = project.folder / "token"
    file.write_text(token)
    file.chmod(0o600)
    return file


def test_a_token_that_is_refused(guarded: Project) -> None:
    file = write_token(guarded, "wrong-token-0815")
    guarded.configure(server={"url": guarded.url, "token_file": str(file)})
    outputs = []
    for arguments in (
        ("push",),
        ("push", "--json"),
        ("push", "--dry-run"),
        ("check", "--online"),
        ("status",),
        ("why", str(guarded.root / "a.csv")),
    ):
        ran = guarded.run(*arguments)
        outputs.append(ran.text)
        assert ran.exit_code == (3 if arguments[0] in {"push", "check"} else 1), ran.text
    assert "did not accept the token" in outputs[0]
    assert "hint: check the token" in outputs[0]
    assert guarded.remote_names() == set()

    write_token(guarded, "right-token-4711")
    ran = guarded.push()
    outputs.append(ran.text)
    assert ran.exit_code == 0
    assert guarded.remote() == {"a.csv": b"a"}
    outputs.append(guarded.journal.read_bytes().decode("latin-1"))
    for output in outputs:
        assert "wrong-token-0815" not in output
        assert "right-token-4711" not in output


def test_a_missing_token_and_one_from_the_environment(guarded: Project) -> None:
    ran = guarded.run("push")
    assert ran.exit_code == 3
    assert "did not accept the token, or there was none" in ran.err
    for variable in ("AQSYNC_API_TOKEN", "API_TOKEN"):
        environment = {variable: "right-token-4711"}
        found = run("push", "--json", "--config", guarded.config, environment=environment)
        assert found.exit_code == 0, found.text
        assert "right-token-4711" not in found.text
